/* conf/output.h - what a collector's standard output is: lines for the log, or metrics in one of the formats that scripts have
 *
 * In the order of OUTPUT_NAMES, which is also what garnet-convert is told.
 */
#pragma once
#include <stdint.h>

enum conf_output {
    OUTPUT_LOG,
    OUTPUT_JSON,
    OUTPUT_LINES,
    OUTPUT_INFLUX,
    OUTPUT_PROMETHEUS,
    OUTPUT_NAGIOS,
    OUTPUT_MUNIN,
    OUTPUT_PUTVAL,
    OUTPUTS
};
#define OUTPUT_NAMES   "log|json|lines|influx|prometheus|nagios|munin|putval"
#define OUTPUT_FORMATS "json, lines, influx, prometheus, nagios, munin, putval"

const char *conf_output_name(int64_t output); /* "log", ... */
