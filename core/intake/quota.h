/* intake/quota.h - how much one run of a collector may send, and how much it has
 *
 * For a run without end the counts start anew each `window_ns`. Pure but for the memory of the set
 * of series; time is handed in.
 */
#ifndef INTAKE_QUOTA_H
#define INTAKE_QUOTA_H
#include "intake/series.h"

struct quota {
    int64_t series_limit, metrics_limit, bytes_limit; /* 0: none */
    int64_t window_ns;                                /* 0: from quota_start() to the next */
    int64_t began;                                    /* monotonic ns */
    int64_t metrics, bytes;                           /* so far */
    struct series series;
    uint64_t seed;
};

enum quota_answer { QUOTA_OK, QUOTA_SERIES, QUOTA_METRICS, QUOTA_NO_MEMORY };

void quota_start(struct quota *q, int64_t now); /* from 0 again; frees the set */
/* How many of `want` bytes may be read; 0: none any more. */
size_t quota_room(struct quota *q, size_t want, int64_t now);
void quota_read(struct quota *q, size_t n);
/* Counts a metric. Else *f says why not. */
enum quota_answer quota_metric(struct quota *q, const struct metric *m, int64_t now,
                               struct metric_fault *f);
/* The sentence for a stream that has been cut off. */
void quota_over(const struct quota *q, struct metric_fault *f);

#endif
