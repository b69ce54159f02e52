/* sched/sched.c - when a collector runs: pure policy, no clock and no process in here
 *
 * Two bounds hold: one slot's due time follows another's by no less than half an interval and, but
 * for the timer's own lateness, by no more than one and a half. Within them runs go to the grid
 * of the wall clock as it is at the time. After a step back a slot may have to be waited for again,
 * or an earlier one comes due a second time; after a step forward slots are left out without being
 * called missed, since no time passed for them. Slots are missed by lateness only as far as the
 * monotonic clock bears it out.
 *
 * Nothing here fails. Times are int64_t nanoseconds: until the year 2262.
 */
#include "sched/sched.h"

const char *sched_miss_name(enum sched_miss m)
{
    static const char *const names[MISS_REASONS] = {"overlap", "spawn", "late"};

    return names[m];
}

/* The latest multiple of `interval` that is not after `wall`; before 1970 too. */
static int64_t grid(int64_t wall, int64_t interval)
{
    int64_t past = wall % interval;

    return wall - (past < 0 ? past + interval : past);
}

static void aim(struct sched *s, int64_t wall, int64_t mono)
{
    s->slot = grid(wall, s->interval) + s->interval;
    s->due = mono + (s->slot - wall);
}

void sched_start(struct sched *s, int64_t interval, int64_t wall, int64_t mono)
{
    *s = (struct sched){.interval = interval, .last_due = mono};
    aim(s, wall, mono);
}

/* The timer went off and the slot is not there yet: the clock was set back, or the two clocks were
 * read a moment apart. True when the slot is near enough to be waited for. */
static bool wait_again(struct sched *s, int64_t wall, int64_t mono)
{
    int64_t wait = s->interval - (wall - grid(wall, s->interval));

    if (wall >= s->slot || mono + wait > s->last_due + s->interval + s->interval / 2)
        return false;
    aim(s, wall, mono);
    return true;
}

/* Whole slots that passed after the one that was due. A step of the clock passes none. */
static int64_t passed(const struct sched *s, int64_t now_slot, int64_t mono)
{
    int64_t by_wall = (now_slot - s->slot) / s->interval;
    int64_t by_mono = (mono - s->due + s->interval / 2) / s->interval;

    if (by_wall > by_mono)
        by_wall = by_mono;
    return by_wall > 0 ? by_wall : 0;
}

bool sched_due(struct sched *s, int64_t wall, int64_t mono, bool busy, int64_t *slot)
{
    int64_t late;

    if (mono < s->due || wait_again(s, wall, mono))
        return false;
    *slot = grid(wall, s->interval);
    late = passed(s, *slot, mono);
    s->last_due = s->due + late * s->interval;
    if (s->last_due > mono)
        s->last_due = mono;
    aim(s, wall, mono);
    if (s->due - s->last_due < s->interval / 2) {
        s->slot += s->interval;
        s->due += s->interval;
    }
    s->slots += 1 + (uint64_t)late;
    s->missed[MISS_LATE] += (uint64_t)late;
    s->missed[MISS_OVERLAP] += busy;
    s->runs += !busy;
    return !busy;
}

void sched_unstarted(struct sched *s)
{
    s->runs--;
    s->missed[MISS_SPAWN]++;
}
