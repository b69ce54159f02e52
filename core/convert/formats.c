/* convert/formats.c - one row a format, in the order in which help texts list them */
#include "convert/formats.h"

#include "convert/influx.h"
#include "convert/json.h"
#include "convert/lines.h"
#include "convert/munin.h"
#include "convert/nagios.h"
#include "convert/prometheus.h"
#include "convert/putval.h"

static const struct format *const FORMATS[] = {
    &FORMAT_LINES, &FORMAT_INFLUX, &FORMAT_PROMETHEUS, &FORMAT_NAGIOS,
    &FORMAT_MUNIN, &FORMAT_PUTVAL, &FORMAT_JSON,       NULL,
};

const struct format *format_at(size_t i)
{
    const struct format *const *at = FORMATS;

    while (i > 0 && *at != NULL) {
        at++;
        i--;
    }
    return *at;
}

const struct format *format_named(const char *name)
{
    for (const struct format *const *at = FORMATS; *at != NULL; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}
