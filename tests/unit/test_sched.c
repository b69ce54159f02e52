/* tests/unit/test_sched.c - sched/sched.h under a simulated clock: years of slots against a simple
 * model */
#include "sched/sched.h"

#include <criterion/criterion.h>

#define S    INT64_C(1000000000)
#define YEAR (365 * 86400 * S)

static uint64_t seed = 88172645463325252U;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static int64_t below(int64_t n)
{
    return (int64_t)(rnd() % (uint64_t)n);
}

static uint64_t missed(const struct sched *s)
{
    return s->missed[MISS_OVERLAP] + s->missed[MISS_SPAWN] + s->missed[MISS_LATE];
}

static bool on_grid(int64_t t, int64_t interval)
{
    return t % interval == 0;
}

Test(sched, names)
{
    cr_assert_str_eq(sched_miss_name(MISS_OVERLAP), "overlap");
    cr_assert_str_eq(sched_miss_name(MISS_SPAWN), "spawn");
    cr_assert_str_eq(sched_miss_name(MISS_LATE), "late");
}

Test(sched, starts_at_the_first_slot_after_now)
{
    struct sched s;

    sched_start(&s, 10 * S, 1003 * S, 77 * S);
    cr_assert_eq(s.slot, 1010 * S);
    cr_assert_eq(s.due, 84 * S);
    sched_start(&s, 10 * S, 1010 * S, 77 * S);
    cr_assert_eq(s.slot, 1020 * S, "a slot that is now is not after now");
    sched_start(&s, 10 * S, -3 * S, 77 * S);
    cr_assert_eq(s.slot, 0, "before 1970 too");
    cr_assert_eq(s.due, 80 * S);
}

Test(sched, nothing_is_due_before_its_time)
{
    struct sched s, before;
    int64_t slot;

    sched_start(&s, 10 * S, 1003 * S, 77 * S);
    before = s;
    cr_assert_not(sched_due(&s, 1010 * S - 1, 84 * S - 1, false, &slot));
    cr_assert_eq(memcmp(&s, &before, sizeof s), 0);
}

Test(sched, counts_each_slot_once)
{
    struct sched s;
    int64_t slot = 0;

    sched_start(&s, 10 * S, 0, 0);
    cr_assert(sched_due(&s, 10 * S, 10 * S, false, &slot));
    cr_assert_eq(slot, 10 * S);
    sched_unstarted(&s);
    cr_assert_not(sched_due(&s, 20 * S, 20 * S, true, &slot));
    cr_assert_eq(slot, 20 * S);
    cr_assert(sched_due(&s, 61 * S, 61 * S, false, &slot), "30, 40 and 50 are late, 60 runs");
    cr_assert_eq(slot, 60 * S);
    cr_assert_eq(s.due, 70 * S);
    cr_assert_eq(s.last_due, 60 * S);
    cr_assert_eq(s.slots, 6);
    cr_assert_eq(s.runs, 1);
    cr_assert_eq(s.missed[MISS_SPAWN], 1);
    cr_assert_eq(s.missed[MISS_OVERLAP], 1);
    cr_assert_eq(s.missed[MISS_LATE], 3);
}

/* Time passes as it should: every multiple of the interval is accounted for, in order, none
 * twice. */
static void year_without_steps(int64_t interval, int64_t span, int64_t max_lateness)
{
    int64_t mono = below(YEAR), wall_minus_mono = below(50 * YEAR), first, expected, slot = 0;
    int64_t end = mono + span;
    uint64_t late = 0;
    struct sched s;

    sched_start(&s, interval, mono + wall_minus_mono, mono);
    first = expected = s.slot;
    while (mono < end) {
        int64_t aimed = s.due;
        bool busy = below(10) == 0, run;
        uint64_t before = s.slots;

        mono = s.due > mono ? s.due : mono;
        mono += max_lateness > 0 && below(4) == 0 ? below(max_lateness) : 0;
        run = sched_due(&s, mono + wall_minus_mono, mono, busy, &slot);
        cr_assert_eq(run, !busy);
        late += (uint64_t)((mono - aimed) / interval);
        cr_assert_eq(slot, expected + (mono - aimed) / interval * interval);
        cr_assert_eq(s.slots - before, (uint64_t)((mono - aimed) / interval) + 1);
        cr_assert(s.last_due <= mono && s.last_due > mono - interval);
        cr_assert_eq(s.due - s.last_due, interval);
        expected = slot + interval;
        if (run && below(50) == 0)
            sched_unstarted(&s);
    }
    cr_assert_eq(s.slots, (uint64_t)((slot - first) / interval) + 1);
    cr_assert_eq(s.slots, s.runs + missed(&s));
    cr_assert_eq(s.missed[MISS_LATE], late);
}

Test(sched, a_year_without_steps)
{
    year_without_steps(10 * S, YEAR, 0);
    year_without_steps(10 * S, YEAR, 45 * S);
    year_without_steps(7 * S + 13, YEAR, 9 * S);
    year_without_steps(S / 10, 10 * 86400 * S, S / 3);
    year_without_steps(86400 * S, 20 * YEAR, 3 * 86400 * S);
}

/* How the wall clock jumps before this timer. */
static int64_t random_step(int64_t interval)
{
    switch (below(12)) {
    case 0:
        return below(2 * interval) - interval;
    case 1:
        return below(2 * S) - S;
    case 2:
        return (below(2) ? 1 : -1) * YEAR;
    case 3:
        return (below(2) ? 1 : -1) * interval;
    case 4:
        return below(2000) - 1000;
    default:
        return 0;
    }
}

/* Whatever the wall clock does, one due time follows the other by half an interval to one and a
 * half, and the next one is where the wall clock as it is has a slot. */
static void year_with_steps(int64_t interval, int64_t span, int64_t always_step)
{
    int64_t mono = below(YEAR), offset = 40 * YEAR, slot = 0, end = mono + span, last, aimed;
    uint64_t slots;
    struct sched s;

    sched_start(&s, interval, mono + offset, mono);
    last = mono;
    while (mono < end) {
        slots = s.slots;
        aimed = s.due;
        mono = s.due;
        offset += always_step != 0 ? always_step : random_step(interval);
        if (offset < 10 * YEAR || offset > 90 * YEAR)
            offset = 40 * YEAR;
        cr_assert(mono - last <= interval + interval / 2);
        if (sched_due(&s, mono + offset, mono, false, &slot)) {
            cr_assert(slots == 0 || mono - last >= interval / 2);
            cr_assert_eq(s.last_due, aimed);
            cr_assert(slot <= mono + offset && slot > mono + offset - interval);
            last = mono;
        } else {
            cr_assert_eq(s.slots, slots);
            cr_assert(s.due > mono && s.due <= last + interval + interval / 2);
        }
        cr_assert(on_grid(slot, interval) && on_grid(s.slot, interval));
        cr_assert_eq(s.slot - (mono + offset), s.due - mono);
    }
    cr_assert_eq(s.missed[MISS_LATE], 0, "no time was lost, so nothing was missed");
    cr_assert_eq(s.slots, s.runs);
    cr_assert(s.slots >= (uint64_t)(span / (interval + interval / 2)));
}

Test(sched, a_year_of_steps)
{
    year_with_steps(10 * S, YEAR, 0);
    year_with_steps(S, 30 * 86400 * S, 0);
    year_with_steps(7 * S + 13, YEAR, 0);
    year_with_steps(3600 * S, 20 * YEAR, 0);
}

Test(sched, a_minute_at_every_slot)
{
    year_with_steps(S, 10 * 86400 * S, 60 * S);
    year_with_steps(S, 10 * 86400 * S, -60 * S);
    year_with_steps(7 * S, 30 * 86400 * S, 60 * S);
    year_with_steps(7 * S, 30 * 86400 * S, -60 * S);
    year_with_steps(10 * S, YEAR, 6 * S);
    year_with_steps(10 * S, YEAR, -4 * S);
}

Test(sched, steps_and_lateness_together)
{
    const int64_t interval = 10 * S;
    int64_t mono = 0, offset = 40 * YEAR, slot, last_due, lateness = 0, total = 0;
    struct sched s;

    sched_start(&s, interval, offset, mono);
    while (mono < YEAR) {
        bool busy = below(5) == 0;
        uint64_t slots = s.slots;

        lateness = below(3) == 0 ? below(40 * S) : 0;
        last_due = s.last_due;
        mono = (s.due > mono ? s.due : mono) + lateness;
        total += lateness;
        offset += random_step(interval);
        if (offset < 10 * YEAR || offset > 90 * YEAR)
            offset = 40 * YEAR;
        if (sched_due(&s, mono + offset, mono, busy, &slot) && below(20) == 0)
            sched_unstarted(&s);
        cr_assert(slots == 0 || s.slots == slots || s.last_due - last_due >= interval / 2);
        cr_assert(s.due > mono && s.due <= mono + interval + interval / 2);
        cr_assert_eq(s.slots, s.runs + missed(&s));
    }
    cr_assert(s.missed[MISS_LATE] > 0);
    cr_assert(s.missed[MISS_LATE] <= (uint64_t)(total / interval) + s.slots / 2);
}

/* The two clocks cannot be read at the same moment. */
Test(sched, a_hair_early_is_waited_for)
{
    struct sched s;
    int64_t slot = 0;

    sched_start(&s, 10 * S, 3 * S, 0);
    cr_assert_not(sched_due(&s, 10 * S - 300, 7 * S, false, &slot));
    cr_assert_eq(s.slots, 0);
    cr_assert_eq(s.slot, 10 * S);
    cr_assert_eq(s.due, 7 * S + 300);
    cr_assert(sched_due(&s, 10 * S, 7 * S + 300, false, &slot));
    cr_assert_eq(slot, 10 * S);
}
