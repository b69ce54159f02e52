/* cli/run_sinks.h - for `garnet run --sinks`: the bytes that each sink would send for a run's metrics */
#pragma once
#include "conf/conf.h"

/* To standard output, with a heading for each; secrets are ***. `records`: the metrics, as model/record.h has them.
 * 0, or an exit status after all that is wrong was said. */
int run_sinks_show(const struct conf *conf, struct str records);
