/* conf/output.c - the names, one by one */
#include "conf/output.h"

const char *conf_output_name(int64_t output)
{
    static const char *const names[OUTPUTS] = {"log",        "json",   "lines", "influx",
                                               "prometheus", "nagios", "munin", "putval"};

    return output >= 0 && output < OUTPUTS ? names[output] : "";
}
