/* cli/tail_run.h - what comes into a spool, shown until its reader is gone
 *
 * It is told on standard error what is shown, and what is left out. In JSON the latter is among the metrics.
 */
#pragma once
#include <stdbool.h>

#include "model/metric.h"

struct conf;

struct tail_asked { /* borrowed from argv; NULL: not given */
    const char *glob, *collector, *sink, *config, *spool;
    bool json, oldest;
};

/* `conf` has the sink, if there is to be one. 0: its reader has gone. EXIT_CONFIG: the sink's plugin. EXIT_WORLD. */
int tail_run(const struct tail_asked *asked, const char *dir, const struct conf *conf);
bool tail_wants(const struct tail_asked *t, const struct metric *m);
