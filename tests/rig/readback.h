/* tests/rig/readback.h - what all share that read a plugin's line back: its last fields, its value, its time
 *
 * For criterion's tests, and for the fuzz targets, which bring cr_assert() and its like with them.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/metric.h"

static inline void same_value(const struct metric *m, const char *text)
{
    char *end, digits[32];

    if (m->vtype == METRIC_F64) {
        double f = strtod(text, &end);

        cr_assert(*end == 0 && memcmp(&f, &m->value.f, sizeof f) == 0, "%s", text);
        return;
    }
    if (m->vtype == METRIC_I64)
        snprintf(digits, sizeof digits, "%lld", (long long)m->value.i);
    else
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)m->value.u);
    cr_assert_str_eq(text, digits);
}

static inline void same_time(const struct metric *m, const char *text)
{
    char *end;
    long long seconds = strtoll(text, &end, 10);

    cr_assert(*end == 0 && text[0] >= '1' && text[0] <= '9', "not a time: %s", text);
    cr_assert_eq(seconds, m->time_ns / NS_PER_S);
}

/* Cuts the last blank and what follows off, and returns it. */
static inline char *cut_last(char *text)
{
    char *at = strrchr(text, ' ');

    cr_assert_not_null(at, "a field is missing: %s", text);
    *at = 0;
    return at + 1;
}

/* Is s this text? */
static inline bool text_is(struct str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}
