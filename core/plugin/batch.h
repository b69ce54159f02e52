/* plugin/batch.h - metrics -> bytes through a plugin, under a limit of bytes, and one of metrics
 *
 * Owns the bytes that the plugin appends, and enforces what a plugin may answer: nothing that it
 * does, short of crashing, puts a partial metric into a batch. A metric's bytes are kept only if
 * format() said OK; a batch never grows beyond its limit unless one metric alone does not fit,
 * which is then rejected (counted).
 */
#pragma once
#include "base/buf.h"
#include "base/throttle.h"
#include "model/metric.h"
#include "model/scoreboard.h"
#include "plugin/plugin.h"

struct batch {
    struct plugin *plugin;
    struct scoreboard *board; /* where garnetd sees which metric the plugin has; or NULL */
    uint64_t formats;         /* calls of format() */
    size_t limit;
    struct buf bytes;  /* of `limit`, allocated once */
    uint32_t nmetrics; /* in bytes */
    int64_t
        eldest_ns; /* wall: the oldest of those is of then, where that is judged; else INT64_MAX */
    uint64_t skipped, rejected;     /* of those, without bytes */
    struct ratelimit without_bytes; /* metrics, in the log */
    bool begun;                     /* begin() has been called */
    size_t header;                  /* bytes that it has appended */
    struct places places; /* of those in bytes, where the plugin delivers, and may name one */
    garnet_metric view;   /* of the metric at hand, and its tags: too large for a stack */
    garnet_tag tags[METRIC_MAX_TAGS], meta[METRIC_MAX_TAGS];
};

enum batch_result { BATCH_ADDED, BATCH_FULL /* not added: send first */, BATCH_FATAL };

/* False: no memory. */
bool batch_init(struct batch *b, struct plugin *p, size_t limit);
void batch_begin(struct batch *b); /* empties it */
/* ADDED also when the metric was skipped or rejected. FATAL: plugin_why(). */
enum batch_result batch_add(struct batch *b, const struct metric *m, uint64_t seq, int64_t now);
/* Appends the plugin's trailer, if there is anything to close. False: fatal, plugin_why(). */
bool batch_end(struct batch *b);
void batch_free(struct batch *b);
