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
    &FORMAT_MUNIN, &FORMAT_PUTVAL, &FORMAT_JSON,
};
enum { NFORMATS = sizeof FORMATS / sizeof *FORMATS };

const struct format *format_at(size_t i)
{
    return i < NFORMATS ? FORMATS[i] : NULL;
}

const struct format *format_named(const char *name)
{
    for (size_t i = 0; i < NFORMATS; i++)
        if (strcmp(FORMATS[i]->name, name) == 0)
            return FORMATS[i];
    return NULL;
}
