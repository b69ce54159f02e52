/* base/throttle: lines at once, lines in the long run, and a count of the rest; the clock is made up */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/throttle.h"

#define S NS_PER_S

enum { BURST = 100, PER_S = 20 };

static const struct rate RATE = {.lines = BURST, .per_ns = BURST * S / PER_S, .pause = S};

Test(ratelimit, a_burst_and_then_a_rate)
{
    struct ratelimit q = {0};
    uint64_t left_out;

    for (int i = 0; i < BURST; i++) {
        cr_assert(ratelimit_take(&q, &RATE, 5 * S, &left_out));
        cr_assert_eq(left_out, 0);
    }
    cr_assert_not(ratelimit_take(&q, &RATE, 5 * S, &left_out));
    cr_assert_not(ratelimit_take(&q, &RATE, 6 * S - 1, &left_out), "only with a second's worth");
    cr_assert(ratelimit_take(&q, &RATE, 6 * S, &left_out));
    cr_assert_eq(left_out, 2);
    for (int i = 1; i < PER_S; i++)
        cr_assert(ratelimit_take(&q, &RATE, 6 * S, &left_out));
    cr_assert_not(ratelimit_take(&q, &RATE, 6 * S, &left_out));
}

Test(ratelimit, a_quiet_one_never_loses_a_line)
{
    struct ratelimit q = {0};
    uint64_t left_out;

    for (int64_t i = 1; i < 1000000; i++)
        cr_assert(ratelimit_take(&q, &RATE, i * S / PER_S, &left_out) && left_out == 0);
}

Test(ratelimit, in_a_year_the_rate_holds_and_every_line_is_accounted_for)
{
    struct ratelimit q = {0};
    uint64_t left_out, lines = 0, said = 0, missing = 0;
    int64_t now = 0;

    srand(1);
    while (now < 365 * 86400 * S) {
        now += rand() % 100 == 0 ? rand() % 86400 * S : rand() % 60 * (S / 1000);
        for (int i = rand() % 300; i > 0; i--) {
            bool ok = ratelimit_take(&q, &RATE, now, &left_out);

            lines++;
            said += ok;
            missing += left_out;
            cr_assert(ok || left_out == 0);
        }
        cr_assert(said <= BURST + (uint64_t)(now / S + 1) * PER_S);
    }
    cr_assert_eq(said + missing + ratelimit_rest(&q), lines);
    cr_assert(missing > 1000);
}

Test(ratelimit, with_the_longest_pause_all_is_back_or_nothing)
{
    static const struct rate TWO = {.lines = 2, .per_ns = 10 * S, .pause = 10 * S};
    struct ratelimit q = {0};
    uint64_t left;

    for (int round = 0; round < 3; round++) {
        int64_t now = 5 + round * 20 * S;

        cr_assert(ratelimit_take(&q, &TWO, now, &left));
        cr_assert_eq(left, round > 0 ? 10 : 0);
        cr_assert(ratelimit_take(&q, &TWO, now, &left));
        cr_assert_eq(left, 0);
        for (int i = 0; i < 10; i++)
            cr_assert_not(ratelimit_take(&q, &TWO, now + (i == 9) * (10 * S - 1), &left));
    }
}

Test(ratelimit, one_line_in_a_while)
{
    static const struct rate ONE = {.lines = 1, .per_ns = 10 * S};
    struct ratelimit q = {0};
    uint64_t left;

    cr_assert(ratelimit_take(&q, &ONE, 100, &left));
    cr_assert_not(ratelimit_take(&q, &ONE, 100 + 10 * S - 1, &left));
    cr_assert(ratelimit_take(&q, &ONE, 100 + 10 * S, &left));
    cr_assert_eq(left, 1);
}

Test(ratelimit, the_rest_is_reported_once)
{
    struct ratelimit q = {0};
    uint64_t left;

    for (int i = 0; i < BURST + 3; i++)
        (void)ratelimit_take(&q, &RATE, S, &left);
    cr_assert_eq(ratelimit_rest(&q), 3);
    cr_assert_eq(ratelimit_rest(&q), 0);
    cr_assert(ratelimit_take(&q, &RATE, 10 * S, &left));
    cr_assert_eq(left, 0);
}

Test(ratelimit, a_clock_that_goes_back_gives_nothing)
{
    struct ratelimit q = {0};
    uint64_t left;

    for (int i = 0; i < BURST; i++)
        cr_assert(ratelimit_take(&q, &RATE, 100 * S, &left));
    cr_assert_not(ratelimit_take(&q, &RATE, 50 * S, &left));
}

Test(ratelimit, with_the_longest_pause_a_period_has_so_many_whatever_their_pace)
{
    static const struct rate FIFTY = {.lines = 50, .per_ns = 10 * S, .pause = 10 * S};
    enum { PERIODS = 12, A_PERIOD = 100 };
    struct ratelimit q = {0};
    uint64_t left, missing = 0;

    for (int period = 0; period < PERIODS; period++) {
        int logged = 0;

        for (int i = 0; i < A_PERIOD; i++) {
            logged += ratelimit_take(&q, &FIFTY, (period * 10 + 1) * S + i * S / 10, &left);
            missing += left;
        }
        cr_assert_eq(logged, 50, "in period %d: %d", period, logged);
    }
    cr_assert_eq(missing + ratelimit_rest(&q), PERIODS * (A_PERIOD - 50));
}
