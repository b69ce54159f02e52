/* sched/sched.h - when a collector runs: pure policy, no clock and no process in here
 *
 * Slots are the multiples of the interval in wall-clock time (Unix time 0 is a slot). The monotonic
 * clock drives: each time, the next slot is found from the wall clock as it is then, and turned
 * into a monotonic deadline. So any step of the wall clock, or a suspend, neither bursts nor
 * stalls: runs are back on the grid at the next slot. No two slots are ever nearer than half an
 * interval in monotonic time.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H
#include <stdbool.h>
#include <stdint.h>

enum sched_miss { MISS_OVERLAP, MISS_SPAWN, MISS_LATE, MISS_REASONS };
const char *sched_miss_name(enum sched_miss m); /* "overlap", "spawn", "late" */

struct sched {
    int64_t interval; /* ns */
    int64_t slot;     /* wall ns: the slot that comes due next */
    int64_t due;      /* mono ns: when */
    int64_t last_due; /* mono ns: when the last one that came due was; at first, the start */
    uint64_t slots;   /* that came due, so far; slots = runs + sum of missed */
    uint64_t runs;
    uint64_t missed[MISS_REASONS];
};

/* Sets slot and due to the first slot after now. */
void sched_start(struct sched *s, int64_t interval, int64_t wall, int64_t mono);

/* The timer went off at (wall, mono). If nothing is due yet, returns false and counts nothing;
 * `due` may have moved (a clock that was set back), so the timer is set to it again after every
 * call. Else counts the slot that is due and any whole slots that passed since (those as
 * MISS_LATE), finds the next one, and returns true with *slot = the slot to run for now: the latest
 * one that is not in the future. When `busy`, the run is not to be started: it is counted as
 * MISS_OVERLAP and the function returns false with *slot set. */
bool sched_due(struct sched *s, int64_t wall, int64_t mono, bool busy, int64_t *slot);
/* The run that sched_due() asked for could not be started. */
void sched_unstarted(struct sched *s);

#endif
