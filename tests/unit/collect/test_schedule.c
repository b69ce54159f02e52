/* tests/unit/collect/test_schedule.c - collect/schedule.h under a simulated clock: years of slots against a simple
 * model */
#include <criterion/criterion.h>
#include <stdio.h>

#include "collect/schedule.h"
#include "rig/chance.h"

#define S    INT64_C(1000000000)
#define YEAR (365 * 86400 * S)

static uint64_t seed = 88172645463325252U;

static int64_t below(int64_t n)
{
    return (int64_t)random_below(&seed, (uint64_t)n);
}

static uint64_t missed(const struct schedule *s)
{
    return s->missed[MISS_OVERLAP] + s->missed[MISS_SPAWN] + s->missed[MISS_LATE];
}

/* No splay, no replacing. */
static void start(struct schedule *s, int64_t interval, int64_t wall, int64_t mono)
{
    schedule_start(s, &(struct schedule_rule){.interval = interval}, wall, mono);
}

static bool on_grid(int64_t t, int64_t interval)
{
    return t % interval == 0;
}

Test(schedule, names)
{
    cr_assert_str_eq(schedule_miss_name(MISS_OVERLAP), "overlap");
    cr_assert_str_eq(schedule_miss_name(MISS_SPAWN), "spawn");
    cr_assert_str_eq(schedule_miss_name(MISS_LATE), "late");
}

Test(schedule, starts_at_the_first_slot_after_now)
{
    struct schedule s;

    start(&s, 10 * S, 1003 * S, 77 * S);
    cr_assert_eq(s.slot, 1010 * S);
    cr_assert_eq(s.due, 84 * S);
    start(&s, 10 * S, 1010 * S, 77 * S);
    cr_assert_eq(s.slot, 1020 * S, "a slot that is now is not after now");
    start(&s, 10 * S, -3 * S, 77 * S);
    cr_assert_eq(s.slot, 0, "before 1970 too");
    cr_assert_eq(s.due, 80 * S);
}

Test(schedule, nothing_is_due_before_its_time)
{
    struct schedule s, before;
    int64_t slot;

    start(&s, 10 * S, 1003 * S, 77 * S);
    before = s;
    cr_assert_eq(schedule_due(&s, 1010 * S - 1, 84 * S - 1, false, &slot), SCHEDULE_WAIT);
    cr_assert_eq(memcmp(&s, &before, sizeof s), 0);
}

Test(schedule, counts_each_slot_once)
{
    struct schedule s;
    int64_t slot = 0;

    start(&s, 10 * S, 0, 0);
    cr_assert_eq(schedule_due(&s, 10 * S, 10 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 10 * S);
    schedule_unstarted(&s);
    cr_assert_eq(schedule_due(&s, 20 * S, 20 * S, true, &slot), SCHEDULE_SKIP);
    cr_assert_eq(slot, 20 * S);
    cr_assert_eq(schedule_due(&s, 61 * S, 61 * S, false, &slot), SCHEDULE_RUN,
                 "30, 40 and 50 are late, 60 runs");
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
    struct schedule s;

    start(&s, interval, mono + wall_minus_mono, mono);
    first = expected = s.slot;
    while (mono < end) {
        int64_t aimed = s.due;
        bool busy = below(10) == 0, run;
        uint64_t before = s.slots;

        mono = s.due > mono ? s.due : mono;
        mono += max_lateness > 0 && below(4) == 0 ? below(max_lateness) : 0;
        run = schedule_due(&s, mono + wall_minus_mono, mono, busy, &slot) == SCHEDULE_RUN;
        cr_assert_eq(run, !busy);
        late += (uint64_t)((mono - aimed) / interval);
        cr_assert_eq(slot, expected + (mono - aimed) / interval * interval);
        cr_assert_eq(s.slots - before, (uint64_t)((mono - aimed) / interval) + 1);
        cr_assert(s.last_due <= mono && s.last_due > mono - interval);
        cr_assert_eq(s.due - s.last_due, interval);
        expected = slot + interval;
        if (run && below(50) == 0)
            schedule_unstarted(&s);
    }
    cr_assert_eq(s.slots, (uint64_t)((slot - first) / interval) + 1);
    cr_assert_eq(s.slots, s.runs + missed(&s));
    cr_assert_eq(s.missed[MISS_LATE], late);
}

Test(schedule, a_year_without_steps)
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
    struct schedule s;

    start(&s, interval, mono + offset, mono);
    last = mono;
    while (mono < end) {
        slots = s.slots;
        aimed = s.due;
        mono = s.due;
        offset += always_step != 0 ? always_step : random_step(interval);
        if (offset < 10 * YEAR || offset > 90 * YEAR)
            offset = 40 * YEAR;
        cr_assert(mono - last <= interval + interval / 2);
        if (schedule_due(&s, mono + offset, mono, false, &slot) == SCHEDULE_RUN) {
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

Test(schedule, a_year_of_steps)
{
    year_with_steps(10 * S, YEAR, 0);
    year_with_steps(S, 30 * 86400 * S, 0);
    year_with_steps(7 * S + 13, YEAR, 0);
    year_with_steps(3600 * S, 20 * YEAR, 0);
}

Test(schedule, a_minute_at_every_slot)
{
    year_with_steps(S, 10 * 86400 * S, 60 * S);
    year_with_steps(S, 10 * 86400 * S, -60 * S);
    year_with_steps(7 * S, 30 * 86400 * S, 60 * S);
    year_with_steps(7 * S, 30 * 86400 * S, -60 * S);
    year_with_steps(10 * S, YEAR, 6 * S);
    year_with_steps(10 * S, YEAR, -4 * S);
}

Test(schedule, steps_and_lateness_together)
{
    const int64_t interval = 10 * S;
    int64_t mono = 0, offset = 40 * YEAR, slot, last_due, lateness = 0, total = 0;
    struct schedule s;

    start(&s, interval, offset, mono);
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
        if (schedule_due(&s, mono + offset, mono, busy, &slot) == SCHEDULE_RUN && below(20) == 0)
            schedule_unstarted(&s);
        cr_assert(slots == 0 || s.slots == slots || s.last_due - last_due >= interval / 2);
        cr_assert(s.due > mono && s.due <= mono + interval + interval / 2);
        cr_assert_eq(s.slots, s.runs + missed(&s));
    }
    cr_assert(s.missed[MISS_LATE] > 0);
    cr_assert(s.missed[MISS_LATE] <= (uint64_t)(total / interval) + s.slots / 2);
}

/* The two clocks cannot be read at the same moment. */
Test(schedule, a_hair_early_is_waited_for)
{
    struct schedule s;
    int64_t slot = 0;

    start(&s, 10 * S, 3 * S, 0);
    cr_assert_eq(schedule_due(&s, 10 * S - 300, 7 * S, false, &slot), SCHEDULE_WAIT);
    cr_assert_eq(s.slots, 0);
    cr_assert_eq(s.slot, 10 * S);
    cr_assert_eq(s.due, 7 * S + 300);
    cr_assert_eq(schedule_due(&s, 10 * S, 7 * S + 300, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 10 * S);
}

/* --- splay --- */

/* Worked out apart from this code: it must never change, or every host changes its place. */
Test(schedule, a_place_is_for_ever)
{
    cr_assert_eq(schedule_offset("web01", "cpu", 10 * S), INT64_C(3374066359));
    cr_assert_eq(schedule_offset("", "", INT64_MAX), (int64_t)(0xaf63a24c860189feU % INT64_MAX));
    cr_assert_eq(schedule_offset("web01", "cpu", 0), 0);
    cr_assert_eq(schedule_offset("web01", "cpu", 1), 0);
}

Test(schedule, splay_spreads_hosts_and_collectors)
{
    enum { PARTS = 10, HOSTS = 2000 };
    int hosts[PARTS] = {0}, names[PARTS] = {0};
    char text[32];

    for (int i = 0; i < HOSTS; i++) {
        (void)snprintf(text, sizeof text, "web%d", i);
        hosts[schedule_offset(text, "cpu", PARTS * S) / S]++;
        names[schedule_offset("web", text, PARTS * S) / S]++;
    }
    for (int i = 0; i < PARTS; i++) {
        cr_assert(hosts[i] > HOSTS / PARTS / 2 && hosts[i] < HOSTS / PARTS * 2);
        cr_assert(names[i] > HOSTS / PARTS / 2 && names[i] < HOSTS / PARTS * 2);
    }
}

Test(schedule, a_splayed_run_starts_after_its_slot_and_bears_it)
{
    const struct schedule_rule rule = {.interval = 10 * S, .offset = 3 * S};
    struct schedule s;
    int64_t slot = 0;

    schedule_start(&s, &rule, 1001 * S, 1 * S);
    cr_assert_eq(s.slot, 1000 * S, "its time is still to come");
    cr_assert_eq(s.due, 3 * S);
    cr_assert_eq(schedule_due(&s, 1003 * S, 3 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 1000 * S);
    cr_assert_eq(s.due, 13 * S);
    cr_assert_eq(schedule_due(&s, 1003 * S + 86400 * S + 2 * S, 13 * S, false, &slot), SCHEDULE_RUN,
                 "a day forward");
    cr_assert_eq(slot, 1000 * S + 86400 * S);
    cr_assert_eq(missed(&s), 0);
}

/* Splay is a shift of the wall clock and nothing else, whatever that clock does. */
Test(schedule, a_year_of_splay_is_a_year_without)
{
    const struct schedule_rule rule = {.interval = 10 * S, .offset = 7 * S + 1};
    int64_t mono = 0, offset = 40 * YEAR, slot_a = 0, slot_b = 0;
    struct schedule a, b;

    schedule_start(&a, &rule, offset, mono);
    start(&b, 10 * S, offset - rule.offset, mono);
    while (mono < YEAR) {
        mono = (a.due > mono ? a.due : mono) + (below(5) == 0 ? below(30 * S) : 0);
        offset += random_step(10 * S);
        if (offset < 10 * YEAR || offset > 90 * YEAR)
            offset = 40 * YEAR;
        cr_assert_eq(schedule_due(&a, mono + offset, mono, false, &slot_a),
                     schedule_due(&b, mono + offset - rule.offset, mono, false, &slot_b));
        cr_assert_eq(slot_a, slot_b);
        cr_assert_eq(a.due, b.due);
        cr_assert_eq(a.missed[MISS_LATE], b.missed[MISS_LATE]);
    }
}

/* --- a run that is not over at the next slot --- */

Test(schedule, a_slot_that_waits_is_run_when_the_way_is_free)
{
    struct schedule s;
    int64_t slot = 0;

    schedule_start(&s, &(struct schedule_rule){.interval = 10 * S, .replace = true}, 0, 0);
    cr_assert_not(schedule_freed(&s, &slot));
    cr_assert_eq(schedule_due(&s, 10 * S, 10 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(schedule_due(&s, 20 * S, 20 * S, true, &slot), SCHEDULE_REPLACE);
    cr_assert_eq(missed(&s), 0);
    cr_assert(schedule_freed(&s, &slot));
    cr_assert_eq(slot, 20 * S);
    cr_assert_eq(s.run_due, 20 * S);
    cr_assert_not(schedule_freed(&s, &slot), "once");
    cr_assert_eq(schedule_due(&s, 30 * S, 30 * S, true, &slot), SCHEDULE_REPLACE);
    cr_assert_eq(schedule_due(&s, 40 * S, 40 * S, true, &slot), SCHEDULE_REPLACE);
    cr_assert_eq(s.missed[MISS_OVERLAP], 1, "30 has given way");
    cr_assert(schedule_freed(&s, &slot));
    cr_assert_eq(slot, 40 * S);
    cr_assert_eq(s.slots, 4);
    cr_assert_eq(s.runs, 3);
}

/* The model: every slot on its own, with what became of it. */
struct model {
    int64_t waiting; /* the slot; 0: none */
    bool running;
    uint64_t runs, overlap, spawn;
};

static void model_slot(struct model *m, int64_t slot, bool replace)
{
    if (!m->running) {
        m->runs++;
        m->running = true;
    } else if (!replace) {
        m->overlap++;
    } else {
        m->overlap += m->waiting != 0;
        m->waiting = slot;
    }
}

static void model_end(struct model *m)
{
    m->running = m->waiting != 0;
    m->runs += m->waiting != 0;
    m->waiting = 0;
}

static void random_events(bool replace)
{
    const struct schedule_rule rule = {.interval = 10 * S, .offset = 4 * S, .replace = replace};
    int64_t mono = 0, wall = 40 * YEAR, slot = 0, freed = 0;
    struct model m = {0};
    struct schedule s;

    schedule_start(&s, &rule, wall, mono);
    for (int i = 0; i < 1000000; i++) {
        if (below(2) == 0) { /* a slot comes */
            wall += s.due - mono;
            mono = s.due;
            enum schedule_action a = schedule_due(&s, wall, mono, m.running, &slot);

            cr_assert_eq(a, !m.running ? SCHEDULE_RUN : replace ? SCHEDULE_REPLACE : SCHEDULE_SKIP);
            cr_assert_eq(slot, wall - rule.offset);
            model_slot(&m, slot, replace);
        } else if (m.running) { /* a run ends */
            int64_t waited_for = m.waiting;

            cr_assert_eq(schedule_freed(&s, &freed), waited_for != 0);
            cr_assert(waited_for == 0 || freed == waited_for);
            model_end(&m);
        }
        if (m.running && below(10) == 0) { /* it could not be started */
            schedule_unstarted(&s);
            m.runs--;
            m.spawn++;
            m.running = false;
            if (m.waiting != 0) {
                cr_assert(schedule_freed(&s, &freed));
                model_end(&m);
            }
        }
        cr_assert_eq(s.runs, m.runs);
        cr_assert_eq(s.missed[MISS_OVERLAP], m.overlap);
        cr_assert_eq(s.missed[MISS_SPAWN], m.spawn);
        cr_assert_eq(s.slots, s.runs + missed(&s) + s.waiting);
    }
    cr_assert(m.overlap > 1000 && m.runs > 1000 && m.spawn > 1000);
}

Test(schedule, random_events_as_in_the_model)
{
    random_events(false);
    random_events(true);
}

/* --- what was missed before the start --- */

enum { DAY = 86400 };

/* At `wall`, mono 0, with that record and a wait of 30 s. */
static bool catch_up(struct schedule *s, int64_t interval, int64_t recorded, int64_t wall)
{
    start(s, interval, wall, 0);
    return schedule_catch_up(s, recorded, 30 * S, wall, 0);
}

Test(catching_up, a_missed_slot_is_run_once_and_then_the_grid_goes_on)
{
    static const int64_t RECORDS[] = {INT64_MIN, 0, 8 * DAY * S, 11 * DAY * S, 500 * DAY * S};
    const int64_t wall = 10 * DAY * S + 18 * 3600 * S;
    struct schedule s;
    int64_t slot;

    for (size_t i = 0; i < sizeof RECORDS / sizeof *RECORDS; i++) {
        cr_assert(catch_up(&s, DAY * S, RECORDS[i], wall), "none, older, or in the future");
        cr_assert_eq(s.due, 30 * S);
        cr_assert_eq(schedule_due(&s, wall + 29 * S, 29 * S, false, &slot), SCHEDULE_WAIT);
        cr_assert_eq(schedule_due(&s, wall + 31 * S, 31 * S, false, &slot), SCHEDULE_RUN);
        cr_assert_eq(slot, 10 * DAY * S);
        cr_assert_eq(s.run_due, 30 * S);
        cr_assert_eq(s.due, 6 * 3600 * S, "the next is not left out for being near");
        cr_assert_eq(schedule_due(&s, wall + s.due, s.due, false, &slot), SCHEDULE_RUN);
        cr_assert_eq(slot, 11 * DAY * S);
        cr_assert_eq(s.runs, 2);
        cr_assert_eq(s.slots, 2);
        cr_assert_eq(missed(&s), 0);
    }
}

Test(catching_up, a_slot_that_had_its_run_has_no_other)
{
    struct schedule s, plain;

    cr_assert_not(catch_up(&s, DAY * S, 10 * DAY * S, 10 * DAY * S));
    cr_assert_not(catch_up(&s, DAY * S, 10 * DAY * S, 11 * DAY * S - 40 * S));
    cr_assert_not(catch_up(&s, DAY * S, 10 * DAY * S + 39600 * S, 11 * DAY * S - 40 * S),
                  "nor when a shorter interval had one since");
    start(&plain, DAY * S, 11 * DAY * S - 40 * S, 0);
    cr_assert_eq(s.due, plain.due);
    cr_assert_eq(s.slot, plain.slot);
}

Test(catching_up, the_next_slot_is_run_instead_when_it_is_as_near)
{
    struct schedule s;

    cr_assert_not(catch_up(&s, DAY * S, INT64_MIN, 11 * DAY * S - 30 * S));
    cr_assert_eq(s.slot, 11 * DAY * S);
    cr_assert(catch_up(&s, DAY * S, INT64_MIN, 11 * DAY * S - 31 * S));
    cr_assert_eq(s.slot, 10 * DAY * S);
}

/* Its offset is part of when a slot comes due. */
Test(catching_up, with_splay)
{
    const struct schedule_rule rule = {.interval = DAY * S, .offset = 3600 * S};
    struct schedule s;
    int64_t slot;

    schedule_start(&s, &rule, 10 * DAY * S + 1800 * S, 0);
    cr_assert_not(schedule_catch_up(&s, 9 * DAY * S, 30 * S, 10 * DAY * S + 1800 * S, 0),
                  "the tenth day's is to come");
    cr_assert(schedule_catch_up(&s, 8 * DAY * S, 30 * S, 10 * DAY * S + 1800 * S, 0));
    cr_assert_eq(schedule_due(&s, 10 * DAY * S + 1830 * S, 30 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 9 * DAY * S);
    cr_assert_eq(s.due, 1800 * S);
}

/* A machine without a clock of its own starts in 1970, and learns the time before its collectors run. */
Test(catching_up, the_clock_is_set_meanwhile)
{
    struct schedule s;
    int64_t slot;

    cr_assert(catch_up(&s, DAY * S, 500 * DAY * S, 5 * S), "in the future as yet");
    cr_assert_eq(schedule_due(&s, 500 * DAY * S + 3600 * S, 30 * S, false, &slot), SCHEDULE_WAIT,
                 "it had its run");
    cr_assert_eq(s.due, 30 * S + 23 * 3600 * S);
    cr_assert(catch_up(&s, DAY * S, 400 * DAY * S, 5 * S));
    cr_assert_eq(schedule_due(&s, 500 * DAY * S + 3600 * S, 30 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 500 * DAY * S);
    cr_assert(catch_up(&s, DAY * S, INT64_MIN, 500 * DAY * S), "and back");
    cr_assert_eq(schedule_due(&s, 400 * DAY * S, 30 * S, false, &slot), SCHEDULE_RUN);
    cr_assert_eq(slot, 400 * DAY * S);
}
