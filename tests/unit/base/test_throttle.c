/* base/throttle: doubling, the cap, the jitter's range */
#include <criterion/criterion.h>

#include "base/random.h"
#include "base/throttle.h"

Test(throttle, doubles_up_to_the_cap)
{
    struct throttle low = {.base = 100, .cap = 1000}, high = low;
    static const int64_t want[] = {100, 200, 400, 800, 1000, 1000, 1000};

    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        cr_assert_eq(throttle_next(&low, 0), want[i] / 2);
        cr_assert_eq(throttle_next(&high, (uint64_t)(want[i] - want[i] / 2)), want[i]);
    }
    cr_assert_eq(low.failures, 7);
    throttle_ok(&low);
    cr_assert_eq(throttle_next(&low, 0), 50);
}

Test(throttle, any_random_stays_within)
{
    struct throttle t = {.base = 1000000, .cap = 60000000};

    for (int i = 0; i < 10000; i++) {
        int64_t d;

        t.failures = (uint32_t)i % 10;
        d = throttle_next(&t, random_u64());
        cr_assert_geq(d, 500000);
        cr_assert_leq(d, 60000000);
    }
}

/* Of many that wait for the same thing each tenth of the time gets its share, from the first on. */
Test(throttle, spreads_a_fleet)
{
    enum { N = 10000, TENTHS = 10 };
    unsigned came[TENTHS] = {0};

    for (int i = 0; i < N; i++) {
        struct throttle t = {.base = 1000, .cap = 30000};

        came[throttle_spread(&t, random_u64()) * TENTHS / 1001]++;
        cr_assert_eq(throttle_spread(&t, 2000), 2000);
        cr_assert_eq(t.failures, 2);
    }
    for (int i = 0; i < TENTHS; i++)
        cr_assert(came[i] > N / TENTHS / 2 && came[i] < N / TENTHS * 2, "%d: %u", i, came[i]);
}

Test(throttle, extremes)
{
    struct throttle t = {.base = INT64_MAX / 2, .cap = INT64_MAX, .failures = UINT32_MAX};

    cr_assert_geq(throttle_next(&t, UINT64_MAX), INT64_MAX / 2);
    cr_assert_eq(t.failures, UINT32_MAX);
    t.cap = INT64_MAX;
    cr_assert_eq(throttle_spread(&t, INT64_MAX), INT64_MAX);
    t = (struct throttle){.base = 0, .cap = 0};
    cr_assert_eq(throttle_next(&t, 5), 0);
    cr_assert_eq(throttle_spread(&t, 5), 0);
    t = (struct throttle){.base = 50, .cap = 20};
    cr_assert_eq(throttle_next(&t, 10), 20);
}

Test(throttle, random_varies)
{
    uint64_t a = random_u64(), b = random_u64(), c = random_u64();

    cr_assert(a != b || b != c);
}
