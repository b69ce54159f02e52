/* delivery/silence.c: what has passed its second, over simulated time. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "delivery/silence.h"

static struct silence s;
static const int64_t T0 = 1000 * NS_PER_S;

static uint64_t passed(int64_t now)
{
    uint64_t end = 0;

    return silence_passed(&s, now, &end) ? end : 0;
}

Test(silence, each_counts_by_itself)
{
    cr_assert_eq(silence_due(&s), 0);
    silence_sent(&s, 10, T0);
    silence_sent(&s, 20, T0 + 500 * NS_PER_MS);
    cr_assert_eq(silence_due(&s), T0 + NS_PER_S);
    cr_assert_eq(passed(T0 + NS_PER_S - 1), 0);
    cr_assert_eq(passed(T0 + NS_PER_S), 10);
    cr_assert_eq(silence_due(&s), T0 + 1500 * NS_PER_MS);
    cr_assert_eq(passed(T0 + 2 * NS_PER_S), 20);
    cr_assert_eq(silence_due(&s), 0);
}

/* However many: nothing passes before its second, and not much later. */
Test(silence, any_number_a_second)
{
    const int64_t most = 30 * NS_PER_MS;
    uint64_t sent = 0, got = 0;

    for (int64_t now = 0; now < 5 * NS_PER_S; now += NS_PER_MS / 4) {
        silence_sent(&s, ++sent, T0 + now);
        got = silence_passed(&s, T0 + now, &got) ? got : got;
        cr_assert_leq(got, (uint64_t)(now < NS_PER_S ? 0 : (now - NS_PER_S) / (NS_PER_MS / 4) + 1));
        if (now >= NS_PER_S + most)
            cr_assert_geq(got, (uint64_t)((now - NS_PER_S - most) / (NS_PER_MS / 4)));
    }
}

Test(silence, a_clock_that_jumps_confirms_late_at_worst)
{
    for (unsigned i = 0; i < 2 * SILENCE_STEPS; i++)
        silence_sent(&s, i + 1, T0 + i * NS_PER_S);
    cr_assert_leq(passed(T0 + SILENCE_STEPS * NS_PER_S), SILENCE_STEPS);
    cr_assert_eq(passed(T0 + 3 * SILENCE_STEPS * NS_PER_S), 2 * SILENCE_STEPS);
}
