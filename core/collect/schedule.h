/* collect/schedule.h - when a collector runs: pure policy, no clock and no process in here
 *
 * Slots are the multiples of the interval in wall-clock time (Unix time 0 is a slot). A run starts
 * at its slot plus an offset, the collector's own part of `splay`; what it is stamped with is the
 * slot. The monotonic clock drives: each time, the next slot is found from the wall clock as it is
 * then, and turned into a monotonic deadline. So any step of the wall clock neither bursts nor
 * stalls: runs are back on the grid at the next slot, which is never further away than one and a
 * half intervals, and no two slots are ever nearer than half of one. Time that the machine spends
 * suspended is such a step: the slots in it are left out, and are not called late.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum schedule_miss { MISS_OVERLAP, MISS_SPAWN, MISS_LATE, MISS_REASONS };
const char *schedule_miss_name(enum schedule_miss m); /* "overlap", "spawn", "late" */

struct schedule_rule {
    int64_t interval; /* ns */
    int64_t offset;   /* ns, >= 0: a run starts this much after its slot */
    bool replace;     /* a run that is not over at the next slot is ended for it */
};

enum schedule_action {
    SCHEDULE_WAIT,   /* nothing is due yet */
    SCHEDULE_RUN,    /* start the slot's run now */
    SCHEDULE_SKIP,   /* the run before is not over: this slot has none, and is counted */
    SCHEDULE_REPLACE /* end the run before; then schedule_freed() gives the slot out */
};

struct schedule {
    struct schedule_rule rule;
    int64_t slot;        /* wall ns: the slot that comes due next */
    int64_t due;         /* mono ns: when */
    int64_t last_due;    /* mono ns: when the last one that came due was; at first, the start */
    int64_t run_due;     /* mono ns: when the last one that was given out to be run was due */
    bool waiting;        /* a slot waits for the run before to end: */
    int64_t waiting_for; /* wall ns: which one */
    int64_t waiting_due; /* mono ns: when it was due */
    bool catching_up;    /* what comes due next is a slot that was missed before the start */
    int64_t caught_up;   /* wall ns: what was recorded by then */
    uint64_t slots;      /* that came due, so far; slots = runs + waiting + sum of missed */
    uint64_t runs;
    uint64_t missed[MISS_REASONS];
};

/* Where in [0, splay) the collector `name` on `host` has its place: always the same one. */
int64_t schedule_offset(const char *host, const char *name, int64_t splay);

/* Sets slot and due to the first slot whose time to start is after now. */
void schedule_start(struct schedule *s, const struct schedule_rule *rule, int64_t wall,
                    int64_t mono);

/* Just after schedule_start(): the slot that came last is run after all, in `wait`, unless it or one
 * after it is `recorded`: the slot of the last run. One in the future says nothing. Which slot that
 * is, is found out again then: clocks are often set soon after a machine's start. False: it has had
 * its run, or the next slot is as near, and is run instead. */
bool schedule_catch_up(struct schedule *s, int64_t recorded, int64_t wait, int64_t wall,
                       int64_t mono);

/* The timer went off at (wall, mono). Unless nothing is due yet, counts the slot that is due and
 * any whole slots that passed since (those as MISS_LATE), finds the next one, and sets *slot to the
 * slot to run for: the latest one that has come. `busy`: the run before is not over. `due` may have
 * moved in any case (a clock that was set back), so the timer is set to it again after every call.
 * A slot that still waits when the next one comes due is counted as MISS_OVERLAP. */
enum schedule_action schedule_due(struct schedule *s, int64_t wall, int64_t mono, bool busy,
                                  int64_t *slot);
/* The run before is over. True when a slot waited for that: run it now. */
bool schedule_freed(struct schedule *s, int64_t *slot);
/* The run that was asked for could not be started. */
void schedule_unstarted(struct schedule *s);
