/* daemon/sink_entry.h - one sink as garnetd has it, and what it tells of itself
 *
 * The entry is daemon/sinks.c's to make, change and free. What it tells are rows (daemon/row.h), for Garnet's own
 * metrics and for the control socket alike, and there its state beside them (docs/control.md).
 */
#pragma once
#include "daemon/generation.h"
#include "daemon/row.h"
#include "daemon/sink_cursor.h"
#include "daemon/sink_stats.h"
#include "supervise/supervisor.h"

struct selfmetrics;
struct sinks;

struct sink_entry {
    struct sinks *all;
    struct generation *gen; /* that its worker was started with */
    const struct conf_sink *conf;
    struct supervisor supervisor;
    bool supervised; /* else between two configurations, or ended for good */
    struct sink_cursor cursor;
    struct sink_stats stats;
    bool removed; /* no longer configured: forgotten when its worker is gone */
    uint64_t restarts, losses, in_doubt, unkillable; /* under the supervisors before this one */
    unsigned cursor_in; /* seconds until the cursor of one that is refused is looked at */
    LIST_ENTRY(sink_entry) entries;
};

/* Of its worker; NULL: there is none. */
const struct scoreboard *sink_entry_board(const struct sink_entry *o);
/* Metrics sent again that may be there twice, and must not be. */
uint64_t sink_entry_doubt(const struct sink_entry *o);
/* `refused`: what is configured now is. */
void sink_entry_rows(struct sink_entry *o, bool refused, struct self_round at);
/* What the plugin counts by itself, once its worker has loaded it. */
void sink_entry_begin_stats(struct sink_entry *o, const struct scoreboard *b,
                            struct selfmetrics *to);
/* Appends a JSON object. `wanted`: as it is configured now; NULL: it is not. */
void sink_entry_status(struct sink_entry *o, const struct conf_sink *wanted, struct buf *out);
