/* tests/unit/collect/test_outcome.c - collect/outcome.h under a simulated clock: kinds of ends, and lives of
 * daemons against a simple model */
#include <criterion/criterion.h>

#include "collect/outcome.h"
#include "rig/chance.h"

#define S    NS_PER_S
#define MS   NS_PER_MS
#define YEAR (365 * 86400 * S)

static uint64_t seed = 88172645463325252U;

static int64_t below(int64_t n)
{
    return (int64_t)random_below(&seed, (uint64_t)n);
}

static enum outcome of(uint32_t end, int status, enum ending asked)
{
    return outcome_of(&(struct keeper_report){.end = end, .status = status}, asked);
}

enum { BY_TERM = 15, STATUS_3 = 3 << 8 }; /* wait statuses */

Test(outcome, kinds)
{
    cr_assert_eq(of(KEEPER_EXITED, 0, ENDING_NONE), OUTCOME_OK);
    cr_assert_eq(of(KEEPER_EXITED, STATUS_3, ENDING_NONE), OUTCOME_EXIT);
    cr_assert_eq(of(KEEPER_EXITED, BY_TERM, ENDING_NONE), OUTCOME_SIGNAL);
    cr_assert_eq(of(KEEPER_TIMEOUT, BY_TERM, ENDING_NONE), OUTCOME_TIMEOUT);
    cr_assert_eq(of(KEEPER_TIMEOUT, 0, ENDING_NONE), OUTCOME_TIMEOUT, "ended well, but only then");
    cr_assert_eq(of(KEEPER_FAILED, 0, ENDING_NONE), OUTCOME_SPAWN);
    cr_assert_eq(of(KEEPER_STOPPED, BY_TERM, ENDING_STOP), OUTCOME_STOPPED);
    cr_assert_eq(of(KEEPER_STOPPED, BY_TERM, ENDING_OVERLAP), OUTCOME_OVERLAP);
    cr_assert_eq(of(KEEPER_STOPPED, 0, ENDING_SILENCE), OUTCOME_SILENCE);
    cr_assert_eq(of(KEEPER_EXITED, 0, ENDING_OVERLAP), OUTCOME_OK, "it was faster than we");
    cr_assert_eq(of(KEEPER_EXITED, STATUS_3, ENDING_SILENCE), OUTCOME_EXIT);
    cr_assert_eq(of(KEEPER_TIMEOUT, BY_TERM, ENDING_OVERLAP), OUTCOME_TIMEOUT);
    cr_assert_eq(outcome_of(NULL, ENDING_STOP), OUTCOME_LOST);
}

Test(outcome, of_one_with_an_output)
{
    cr_assert_eq(outcome_converted(OUTCOME_OK, 0, OUTPUT_LINES, true), OUTCOME_OK);
    cr_assert_eq(outcome_converted(OUTCOME_OK, 0, OUTPUT_LINES, false), OUTCOME_CONVERTER);
    cr_assert_eq(outcome_converted(OUTCOME_EXIT, STATUS_3, OUTPUT_LINES, true), OUTCOME_EXIT);
    cr_assert_eq(outcome_converted(OUTCOME_EXIT, STATUS_3, OUTPUT_NAGIOS, true), OUTCOME_OK);
    cr_assert_eq(outcome_converted(OUTCOME_EXIT, STATUS_3, OUTPUT_NAGIOS, false),
                 OUTCOME_CONVERTER);
    cr_assert_eq(outcome_converted(OUTCOME_EXIT, 4 << 8, OUTPUT_NAGIOS, true), OUTCOME_EXIT);
    cr_assert_eq(outcome_converted(OUTCOME_TIMEOUT, BY_TERM, OUTPUT_NAGIOS, false),
                 OUTCOME_TIMEOUT);
    cr_assert_eq(of(KEEPER_STOPPED, BY_TERM, ENDING_CONVERTER), OUTCOME_CONVERTER);
}

Test(outcome, names_and_failures)
{
    static const char *const want[OUTCOMES] = {"ok",      "stopped",  "exit",    "signal",
                                               "timeout", "spawn",    "overlap", "silence",
                                               "lost",    "converter"};

    for (int o = 0; o < OUTCOMES; o++) {
        cr_assert_str_eq(outcome_name((enum outcome)o), want[o]);
        cr_assert_eq(outcome_failed((enum outcome)o), o != OUTCOME_OK && o != OUTCOME_STOPPED);
    }
}

/* The n-th pause of a row lies in the upper half of first * 2^(n-1), up to the last. */
static void check_pause(int64_t pause, int row)
{
    int64_t full = REVIVAL_FIRST;

    for (int i = 1; i < row && full < REVIVAL_LAST; i++)
        full *= 2;
    if (full > REVIVAL_LAST)
        full = REVIVAL_LAST;
    cr_assert(pause >= full / 2 && pause <= full, "pause %lld in row %d", (long long)pause, row);
}

Test(revival, never_given_up_in_a_year_of_dying_at_once)
{
    struct revival r;
    int64_t mono = 5 * S;
    int lives = 0;

    revival_init(&r, 10 * S, 0);
    while (mono < YEAR) {
        int64_t pause;

        revival_started(&r, mono, 7);
        pause = revival_ended(&r, mono, 7, random_next(&seed));
        check_pause(pause, ++lives);
        mono += pause;
    }
    cr_assert(lives > YEAR / REVIVAL_LAST);
}

Test(revival, useful_work_begins_the_pauses_anew)
{
    struct revival r;

    revival_init(&r, 10 * S, 0);
    for (int i = 1; i <= 10; i++) {
        revival_started(&r, 0, 0);
        check_pause(revival_ended(&r, 3600 * S, 0, random_next(&seed)),
                    i); /* long, but without a metric */
    }
    revival_started(&r, 0, 0);
    cr_assert_not(revival_look(&r, 1 * S, 5));
    cr_assert_not(revival_look(&r, 11 * S - 1, 6));
    check_pause(revival_ended(&r, 12 * S, 6, random_next(&seed)), 11); /* not quite an interval */
    revival_started(&r, 0, 6);
    cr_assert_not(revival_look(&r, 1 * S, 7));
    cr_assert_not(revival_look(&r, 11 * S, 8));
    check_pause(revival_ended(&r, 12 * S, 8, random_next(&seed)), 1);
    check_pause(revival_ended(&r, 12 * S, 8, random_next(&seed)),
                2); /* the same work counts once */
    revival_started(&r, 0, 8);
    check_pause(revival_ended(&r, 60 * S, 9, random_next(&seed)),
                1); /* one metric in a minute's life */
}

Test(revival, silence)
{
    struct revival r;

    revival_init(&r, 10 * S, 30 * S);
    revival_started(&r, 100 * S, 4);
    cr_assert_not(revival_look(&r, 130 * S - 1, 4));
    cr_assert(revival_look(&r, 130 * S, 4));
    cr_assert_not(revival_look(&r, 130 * S, 5), "in the last moment");
    cr_assert_not(revival_look(&r, 160 * S - 1, 5));
    cr_assert(revival_look(&r, 160 * S, 5));
    revival_init(&r, 10 * S, 0);
    revival_started(&r, 0, 4);
    cr_assert_not(revival_look(&r, YEAR, 4), "may be silent for ever");
}

Test(revival, what_was_withheld_is_no_silence)
{
    struct revival r;

    revival_init(&r, 10 * S, 30 * S);
    revival_started(&r, 100 * S, 4);
    revival_excuse(&r, 120 * S);
    cr_assert_not(revival_look(&r, 150 * S - 1, 4));
    cr_assert(revival_look(&r, 150 * S, 4));
    revival_excuse(&r, 110 * S); /* older than what is known */
    cr_assert_not(revival_look(&r, 150 * S - 1, 4));
    cr_assert_not(revival_look(&r, 160 * S, 5));
    cr_assert_not(revival_look(&r, 190 * S - 1, 5), "metrics count, too");
    cr_assert(revival_look(&r, 190 * S, 5));
    revival_started(&r, 300 * S, 5);
    cr_assert_not(revival_look(&r, 330 * S - 1, 5));
    cr_assert(revival_look(&r, 330 * S, 5));
}

Test(revival, looks_are_neither_rare_nor_busy)
{
    static const int64_t silences[] = {0, 1, 100 * MS, S, 3600 * S};
    struct revival r;

    for (size_t i = 0; i < sizeof silences / sizeof *silences; i++) {
        revival_init(&r, 10 * S, silences[i]);
        revival_started(&r, 0, 0);
        cr_assert(revival_next_look(&r, 5 * S) <= 6 * S);
        cr_assert(revival_next_look(&r, 5 * S) >= 5 * S + 10 * MS);
    }
    cr_assert(revival_next_look(&r, 0) == S);
}

/* The model keeps every time at which a look found something new, and decides from the list. */
enum { NEWS = 4096 };

struct model {
    int64_t started, news[NEWS];
    int n, row;
};

static bool model_useful(const struct model *m, int64_t now, int64_t interval)
{
    return m->n > 0 && (m->news[m->n - 1] - m->news[0] >= interval || now - m->started >= 60 * S);
}

static void random_lives(int64_t interval, int64_t silence)
{
    struct revival r;
    struct model m = {0};
    int64_t mono = 0;
    uint64_t accepted = 0;
    int silences = 0, resets = 0;

    revival_init(&r, interval, silence);
    while (mono < YEAR / 10) {
        int64_t life = below(3) != 0 ? below(20 * S) : below(600 * S), end = mono + life, pause;
        int chatty = (int)below(4); /* 0: never says a thing */
        bool silent = false;

        m.started = mono;
        m.n = 0;
        revival_started(&r, mono, accepted);
        while (!silent && (mono = revival_next_look(&r, mono)) < end && m.n < NEWS - 1) {
            bool news = chatty != 0 && below(chatty * 3) == 0;
            int64_t last = m.n > 0 ? m.news[m.n - 1] : m.started;

            if (news) {
                accepted += 1 + (uint64_t)below(9);
                m.news[m.n++] = mono;
            }
            silent = revival_look(&r, mono, accepted);
            cr_assert_eq(silent, silence > 0 && !news && mono - last >= silence);
        }
        silences += silent;
        m.row = model_useful(&m, mono, interval) ? 1 : m.row + 1;
        resets += m.row == 1;
        pause = revival_ended(&r, mono, accepted, random_next(&seed));
        check_pause(pause, m.row);
        mono += pause;
    }
    cr_assert(resets > 10);
    cr_assert(silence == 0 || silences > 10);
}

Test(revival, random_lives_as_in_the_model)
{
    random_lives(10 * S, 0);
    random_lives(10 * S, 5 * S);
    random_lives(S, 30 * S);
    random_lives(3600 * S, 20 * S);
}
