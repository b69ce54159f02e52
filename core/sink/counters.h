/* sink/counters.h - counters become rates or deltas: each value less the one before it
 *
 * A point is a function of two metrics of the log: this one, and the last one of its series within
 * the window before it. So it is the same in a replay, after a restart, or in another sink, as long
 * as that stretch of the log is read first (see spool/segment.h).
 *
 *   series      name, tags, unit, and the collector and prefix that it came with
 *   no point    for the first value of a series, and the first after more than the window without
 *               one, in the log or by its own time; for one whose time is not after the last: that
 *               one stays what the next is compared with, so what is sent twice counts once. A time
 *               that is more than the window before the last begins anew.
 *   slightly    smaller than before, by a 64th or less: the source has corrected itself, as Linux does with idle and
 *               iowait, and there is no point. A restart would rarely come so near
 *   smaller     than before: the counter began again at 0, and this value is the difference. A whole
 *               number may also have wrapped, at 2^32 if it was below, else at 2^64: taken for that
 *               if it then has moved by less than an eighth of that, which a restart rarely looks
 *               like. What is below 0 after a fall gives no point.
 *   delta       the difference, exact for whole numbers; a count, the unit as it was
 *   rate        the difference by seconds between the two times; a rate, "/s" behind the unit
 *
 * At most COUNTERS_MOST series at a time: those beyond give no point, which is said once.
 */
#pragma once
#include "conf/conf.h"
#include "model/metric.h"

enum { COUNTERS_MOST = 1000000 };

struct counters {
    int64_t mode;   /* COUNTERS_RAW: everything passes as it is */
    int64_t window; /* ns */
    uint64_t cut;   /* what the log holds before is forgotten */
    struct counted *slots;
    size_t cap, n;
    uint64_t purged; /* the cut when those forgotten were last removed */
    uint64_t seed;
    bool reported_full, reported_slow;
    char unit[METRIC_HARD_STRING + 4]; /* of the rate at hand */
};

void counters_init(struct counters *c, int64_t mode, int64_t window);
/* Takes metrics in the order of the log. True: it is to be sent, and if it was a counter it is none
 * any more (its unit is valid until the next call). False: it gives no point. */
bool counters_apply(struct counters *c, struct metric *m, uint64_t seq);
void counters_cut(struct counters *c,
                  uint64_t seq); /* what is before is forgotten; only ever grows */
/* Everything, and its memory: reading begins somewhere else, or is over. */
void counters_forget(struct counters *c);
