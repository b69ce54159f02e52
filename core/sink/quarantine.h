/* sink/quarantine.h - metrics that are kept from the plugin, and where a person can read them
 *
 * garnetd names the metrics that workers died of (model/scoreboard.h). Each is written once, as a line of
 * JSON, to quarantine/SINK.ndjson in the spool folder, and never given to the plugin again: not
 * when it is replayed, and not under another garnetd, since the file is read at the start. Removing
 * the file gives what is still to be delivered another chance.
 */
#pragma once
#include "model/metric.h"
#include "model/scoreboard.h"

enum { QUARANTINE_MAX = 1 << 20 }; /* bytes of a sink's file; what is beyond is only counted */

struct quarantine {
    const char *sink, *plugin, *spool; /* borrowed; spool: the folder's path, for the log */
    int dirfd;                         /* the spool; borrowed */
    struct held {
        uint64_t seq;
        int64_t at; /* its line in the file; -1: it has none yet; -2: nor will it get one */
        int64_t when_ns;
        int signo;
    } * held;
    size_t n, cap;
    uint64_t lowest, highest; /* of those held: lowest > highest when there are none */
};

/* What cannot be read is logged, and taken for nothing. */
void quarantine_open(struct quarantine *q, int dirfd, const char *spool, const char *sink,
                     const char *plugin, const struct scoreboard *board);
/* True when the metric is not for the plugin; then it is in the file, unless that failed. */
bool quarantine_takes(struct quarantine *q, uint64_t seq, const struct metric *m);
void quarantine_close(struct quarantine *q);
