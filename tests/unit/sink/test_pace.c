/* sink/pace.c: a backlog goes at its rate, what arrives live at once */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "sink/pace.h"

#define MS NS_PER_MS

/* What goes within `ns` when everything that is allowed is taken, every `step`. */
static uint64_t goes_within(struct pace *p, int64_t from, int64_t ns, int64_t step)
{
    uint64_t sum = 0;

    for (int64_t t = from; t <= from + ns; t += step) {
        uint64_t n = pace_allows(p, t);

        if (n == UINT64_MAX)
            return n;
        pace_took(p, n);
        pace_moved(p, t);
        sum += n;
    }
    return sum;
}

Test(pace, without_a_rate_nothing_is_slowed)
{
    struct pace p;

    pace_init(&p, 0, 0);
    cr_assert_eq(pace_allows(&p, 0), UINT64_MAX);
    cr_assert_eq(pace_due(&p, 0), 0);
}

Test(pace, a_backlog_goes_at_its_rate)
{
    static const int64_t rates[] = {1, 3, 100, 1000, 12345, 1000000};
    struct pace p;

    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++) {
        uint64_t want = (uint64_t)rates[i] * 10, got;

        pace_init(&p, rates[i], 5 * MS);
        got = goes_within(&p, 5 * MS, 10 * NS_PER_S, 7 * MS);
        cr_assert(got <= want + want / 500 + 1 && got + got / 50 + 1 >= want, "%llu of %llu",
                  (unsigned long long)got, (unsigned long long)want);
    }
}

Test(pace, time_that_was_not_used_is_no_credit)
{
    struct pace p;

    pace_init(&p, 1000, 0);
    cr_assert_eq(pace_allows(&p, 3600 * NS_PER_S), 100);
    pace_took(&p, 40);
    cr_assert_eq(pace_allows(&p, 3600 * NS_PER_S), 60);
    cr_assert_eq(pace_allows(&p, 7200 * NS_PER_S), 100);
}

Test(pace, says_when_it_goes_on)
{
    struct pace p;

    pace_init(&p, 10, 0);
    cr_assert_eq(pace_due(&p, 0), 100 * MS);
    cr_assert_eq(pace_due(&p, 30 * MS), 70 * MS);
    cr_assert_eq(pace_allows(&p, 99 * MS), 0);
    cr_assert_eq(pace_due(&p, 200 * MS), 0);
    cr_assert_eq(pace_allows(&p, 100 * MS), 1);
    cr_assert_eq(pace_due(&p, 100 * MS), 0);
}

Test(pace, live_is_what_comes_after_the_end_was_seen)
{
    struct pace p;

    pace_init(&p, 10, 0);
    pace_at_end(&p, 0);
    cr_assert_eq(goes_within(&p, 0, 100 * NS_PER_S, NS_PER_S), UINT64_MAX);
    pace_behind(&p, 100 * NS_PER_S);
    cr_assert_leq(goes_within(&p, 100 * NS_PER_S, 10 * NS_PER_S, 10 * MS), 101);
}

Test(pace, what_waited_for_a_stalled_peer_is_a_backlog)
{
    struct pace p;

    pace_init(&p, 10, 0);
    pace_at_end(&p, 0);
    pace_moved(&p, NS_PER_S);
    cr_assert_eq(pace_allows(&p, 2 * NS_PER_S), UINT64_MAX);
    cr_assert_eq(pace_allows(&p, 4 * NS_PER_S), 0);
    cr_assert_eq(pace_allows(&p, 5 * NS_PER_S), 1);
}
