/* tests/unit/base/test_clock.c - times of strangers are as far away as nanoseconds go, and no further */
#include <criterion/criterion.h>

#include "base/clock.h"

Test(clock, stamps_of_any_year)
{
    const int64_t last = INT64_MAX / NS_PER_S; /* in 2262 */

    cr_assert_eq(clock_ns((struct timespec){1700000000, 5}), 1700000000 * NS_PER_S + 5);
    cr_assert_eq(clock_ns((struct timespec){-1, 999999999}), -1);
    cr_assert_eq(clock_ns((struct timespec){last, INT64_MAX % NS_PER_S}), INT64_MAX);
    cr_assert_eq(clock_ns((struct timespec){last, 999999999}), INT64_MAX);
    cr_assert_eq(clock_ns((struct timespec){last + 1, 0}), INT64_MAX);
    cr_assert_eq(clock_ns((struct timespec){INT64_MAX, 999999999}), INT64_MAX);
    cr_assert_eq(clock_ns((struct timespec){-last - 2, 0}), INT64_MIN);
    cr_assert_eq(clock_ns((struct timespec){INT64_MIN, 0}), INT64_MIN);
}

Test(clock, differences_of_any_two)
{
    cr_assert_eq(clock_between(3, 10), 7);
    cr_assert_eq(clock_between(10, 3), -7);
    cr_assert_eq(clock_between(INT64_MIN, 1), INT64_MAX);
    cr_assert_eq(clock_between(INT64_MAX, -2), INT64_MIN);
    cr_assert_eq(clock_between(INT64_MIN, INT64_MIN), 0);
}
