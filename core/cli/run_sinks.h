/* cli/run_sinks.h - the bytes that each sink would send for a few metrics: for `garnet run --sinks` and `garnet explain` */
#pragma once
#include "conf/conf.h"

/* To standard output, with a heading for each; secrets are ***. `records`: the metrics, as model/record.h has them.
 * 0, or an exit status after all that is wrong was said. */
int run_sinks_show(const struct conf *conf, struct str records);
/* Likewise one sink, without a heading. `before`: what its counters have seen by then, which is not shown. `program`: for
 * messages, "garnet run". */
int run_sink_show(const char *program, const struct conf *conf, const struct conf_sink *sink,
                  struct str before, struct str records);
