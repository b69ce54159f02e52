/* daemon/sink_stats.h - a sink's plugin's own counters and gauges, as metrics of garnetd's own
 *
 * Counters go on over the workers of a sink, and never back. The worker's page is at the plugin's mercy: what rows
 * there are is taken from it once for each worker, checked; a sink has so many names at most in garnetd's life.
 */
#pragma once
#include "daemon/row.h"
#include "model/statboard.h"

enum { SINK_STATS_MAX = 4 * STATS_MAX };

struct sink_stats { /* all zero at first */
    struct sink_stat {
        struct stat_row row;
        bool shown;           /* the worker has it, or the last one had */
        bool begun;           /* its first zero has been written */
        int at;               /* where on this worker's page; -1: nowhere */
        int64_t before, here; /* counted under earlier workers, and this one */
    } v[SINK_STATS_MAX];
    uint32_t n;
    bool taken;       /* this worker's rows */
    bool full, wrong; /* there were more, and wrong ones: which is in the log */
};

/* Looks at the page of the worker that is alive, once a second and before its metrics are written. `sink`: for the log. */
void sink_stats_look(struct sink_stats *s, const char *sink, const struct statboard *b);
/* No worker is alive: what it counted is kept, and its page made ready for the next. */
void sink_stats_end(struct sink_stats *s, const char *sink, struct statboard *b);
/* Counters that are there for the first time, as they began: `at` is such a round. */
void sink_stats_begun(struct sink_stats *s, const struct self_round *at);
/* Gauges only while a worker is at work: `b`, or NULL. */
void sink_stats_metrics(const struct sink_stats *s, const struct self_round *at,
                        const struct statboard *b);
