/* collect/schedule.c - two bounds hold: one slot's due time follows another's by no less than half
 * an interval and, but for the timer's own lateness, by no more than one and a half. Within them
 * runs go to the grid of the wall clock as it is at the time. After a step back a slot may have to
 * be waited for again, or an earlier one comes due a second time; after a step forward slots are
 * left out without being called missed, since no time passed for them. Slots are missed by lateness
 * only as far as the monotonic clock bears it out.
 *
 * All of this is done for a wall clock that is `offset` behind the real one, which is all that
 * splay takes: slots come out unsplayed, due times splayed.
 *
 * Nothing here fails. Times are int64_t nanoseconds: until the year 2262.
 */
#include "collect/schedule.h"

const char *schedule_miss_name(enum schedule_miss m)
{
    static const char *const names[MISS_REASONS] = {"overlap", "spawn", "late"};

    return names[m];
}

/* FNV-1a, 64 bits. */
static uint64_t hash_text(uint64_t h, const char *s)
{
    for (; *s != 0; s++)
        h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
    return h;
}

int64_t schedule_offset(const char *host, const char *name, int64_t splay)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    if (splay <= 0)
        return 0;
    h = hash_text(h, host);
    h = hash_text(h, "/");
    h = hash_text(h, name);
    return (int64_t)(h % (uint64_t)splay);
}

/* The latest multiple of `interval` that is not after `wall`; before 1970 too. */
static int64_t grid(int64_t wall, int64_t interval)
{
    int64_t past = wall % interval;

    return wall - (past < 0 ? past + interval : past);
}

static void aim(struct schedule *s, int64_t wall, int64_t mono)
{
    s->slot = grid(wall, s->rule.interval) + s->rule.interval;
    s->due = mono + (s->slot - wall);
}

void schedule_start(struct schedule *s, const struct schedule_rule *rule, int64_t wall,
                    int64_t mono)
{
    *s = (struct schedule){.rule = *rule, .last_due = mono};
    aim(s, wall - rule->offset, mono);
}

/* The timer went off and the slot is not there yet: the clock was set back, or the two clocks were
 * read a moment apart. True when the slot is near enough to be waited for. */
static bool wait_again(struct schedule *s, int64_t wall, int64_t mono)
{
    int64_t interval = s->rule.interval;
    int64_t wait = interval - (wall - grid(wall, interval));

    if (wall >= s->slot || mono + wait > s->last_due + interval + interval / 2)
        return false;
    aim(s, wall, mono);
    return true;
}

/* Whole slots that passed after the one that was due. A step of the clock passes none. */
static int64_t passed(const struct schedule *s, int64_t now_slot, int64_t mono)
{
    int64_t by_wall = (now_slot - s->slot) / s->rule.interval;
    int64_t by_mono = (mono - s->due + s->rule.interval / 2) / s->rule.interval;

    if (by_wall > by_mono)
        by_wall = by_mono;
    return by_wall > 0 ? by_wall : 0;
}

/* The slot that came due last: run, skipped, or waiting until the run before it has gone. */
static enum schedule_action give_out(struct schedule *s, bool busy, int64_t slot)
{
    if (!busy) {
        s->runs++;
        s->run_due = s->last_due;
        return SCHEDULE_RUN;
    }
    s->missed[MISS_OVERLAP] += !s->rule.replace || s->waiting;
    if (!s->rule.replace)
        return SCHEDULE_SKIP;
    s->waiting = true;
    s->waiting_for = slot;
    s->waiting_due = s->last_due;
    return SCHEDULE_REPLACE;
}

/* --- what was missed before the start ---
 *
 * Neither bound holds for it: it may be near to the slot after it, or far from it. */

/* A later one than this, too: the interval may have been another. `wall` is unsplayed. */
static bool had_its_run(const struct schedule *s, int64_t slot, int64_t recorded, int64_t wall)
{
    return recorded >= slot && recorded <= wall + s->rule.offset;
}

bool schedule_catch_up(struct schedule *s, int64_t recorded, int64_t wait, int64_t wall,
                       int64_t mono)
{
    int64_t last;

    wall -= s->rule.offset;
    last = grid(wall, s->rule.interval);
    if (had_its_run(s, last, recorded, wall) || mono + wait >= s->due)
        return false;
    s->catching_up = true;
    s->caught_up = recorded;
    s->slot = last;
    s->due = mono + wait;
    return true;
}

/* `wall` is unsplayed. */
static enum schedule_action catch_up(struct schedule *s, int64_t wall, int64_t mono, bool busy,
                                     int64_t *slot)
{
    s->catching_up = false;
    s->last_due = s->due;
    *slot = grid(wall, s->rule.interval);
    aim(s, wall, mono);
    if (had_its_run(s, *slot, s->caught_up, wall))
        return SCHEDULE_WAIT;
    s->slots++;
    return give_out(s, busy, *slot);
}

enum schedule_action schedule_due(struct schedule *s, int64_t wall, int64_t mono, bool busy,
                                  int64_t *slot)
{
    int64_t interval = s->rule.interval, late;

    wall -= s->rule.offset;
    if (mono < s->due)
        return SCHEDULE_WAIT;
    if (s->catching_up)
        return catch_up(s, wall, mono, busy, slot);
    if (wait_again(s, wall, mono))
        return SCHEDULE_WAIT;
    *slot = grid(wall, interval);
    late = passed(s, *slot, mono);
    s->last_due = s->due + late * interval;
    if (s->last_due > mono)
        s->last_due = mono;
    aim(s, wall, mono);
    if (s->due - s->last_due < interval / 2) {
        s->slot += interval;
        s->due += interval;
    }
    s->slots += 1 + (uint64_t)late;
    s->missed[MISS_LATE] += (uint64_t)late;
    return give_out(s, busy, *slot);
}

bool schedule_freed(struct schedule *s, int64_t *slot)
{
    if (!s->waiting)
        return false;
    s->waiting = false;
    s->runs++;
    s->run_due = s->waiting_due;
    *slot = s->waiting_for;
    return true;
}

void schedule_unstarted(struct schedule *s)
{
    s->runs--;
    s->missed[MISS_SPAWN]++;
}
