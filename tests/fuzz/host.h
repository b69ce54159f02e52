/* tests/fuzz/host.h - what must be true of what a collector of the host sends */
#pragma once
#include <math.h>

#include "fuzz.h"
#include "host/host.h"

static inline void host_is_sound(const struct samples *s, const struct subject *of)
{
    for (size_t i = 0; i < samples_count(s); i++) {
        const struct sample *at = samples_at(s, i);
        bool known = false;

        for (size_t k = 0; k < of->nfigures; k++)
            known = known || at->figure == &of->figures[k];
        HOLDS(known);
        HOLDS(!at->real || isfinite(at->as.f64));
        for (size_t t = 0; t < FIGURE_TAGS && at->figure->tags[t] != NULL; t++) {
            const char *value = samples_tag(s, at, t);

            HOLDS(*value != 0 && strlen(value) <= 512);
            for (; *value != 0; value++)
                HOLDS((unsigned char)*value >= 0x20 && *value != 0x7f);
        }
    }
}
