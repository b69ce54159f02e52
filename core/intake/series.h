/* intake/series.h - a set of 64-bit hashes that never holds more than `limit` of them
 *
 * Which series a run has sent. Grows on demand; what it takes while growing included, it is at
 * most 16 bytes for each of the limit.
 */
#ifndef INTAKE_SERIES_H
#define INTAKE_SERIES_H
#include "model/metric.h"

enum series_answer { SERIES_KNOWN, SERIES_NEW, SERIES_FULL, SERIES_NO_MEMORY };

struct series { /* all zero: empty */
    uint64_t *slots;
    size_t cap, n;
};

/* What makes a metric a series of its own: name, type, unit and tags. Under a secret seed, or a
 * sender could find two that pass for one. */
uint64_t series_hash(const struct metric *m, uint64_t seed);
/* Adds what is new, unless there are `limit` already. Not for want of memory: not added. */
enum series_answer series_add(struct series *s, uint64_t hash, size_t limit);
void series_free(struct series *s); /* and it is empty */

#endif
