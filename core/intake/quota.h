/* intake/quota.h - how much a sender may send, and how much it has: one run of a collector
 *
 * For a run without end the counts start anew each `window_ns`. Pure but for the memory of the set
 * of series; time is handed in.
 */
#pragma once
#include "conf/collector.h"
#include "model/metric.h"

/* --- which series a run has sent: a set that never holds more than a limit --- */

/* Grows on demand; what it takes while growing included, it is at most 16 bytes for each of the
 * limit. */
enum series_answer { SERIES_KNOWN, SERIES_NEW, SERIES_FULL, SERIES_NO_MEMORY };

struct series { /* all zero: empty */
    uint64_t *slots;
    size_t cap, n;
};

/* What makes a metric a series of its own: name, type, unit and tags. Under a secret seed, or a
 * sender could find two that pass for one. */
uint64_t series_hash(const struct metric *m, uint64_t seed);
uint64_t series_hash_text(struct str s, uint64_t seed); /* of a name alone, likewise */
/* Adds what is new, unless there are `limit` already. Not for want of memory: not added. */
enum series_answer series_add(struct series *s, uint64_t hash, size_t limit);
void series_free(struct series *s); /* and it is empty */

/* --- limits --- */

struct quota_refused { /* for which limit */
    uint64_t series, metrics, bytes;
};

struct quota {
    struct conf_quota limits;
    int64_t window_ns;      /* 0: from quota_start() to the next */
    int64_t began;          /* monotonic ns */
    int64_t metrics, bytes; /* so far */
    struct series series;
    uint64_t seed;
    struct quota_refused *refused; /* counts what is */
};

void quota_start(struct quota *q, int64_t now); /* from 0 again; frees the set */
/* How many of `want` bytes may be read; 0: none any more. */
size_t quota_room(struct quota *q, size_t want, int64_t now);
void quota_read(struct quota *q, size_t n);
/* Counts a metric. False, and *f says why: it is beyond a limit. */
bool quota_metric(struct quota *q, const struct metric *m, int64_t now, struct metric_fault *f);
/* A stream has to be cut off: counts it, and *f says why. */
void quota_over(struct quota *q, struct metric_fault *f);
