/* When a long-running collector's rounds are due. */
#include <criterion/criterion.h>

#include "host/grid.h"

enum { S = 1000 }; /* what a second is here */

static int64_t missed;

Test(grid, multiples_of_the_interval_without_drift)
{
    struct grid g = {.every = 10 * S};

    cr_assert_eq(grid_wait(&g, 1003 * S), 7 * S);
    cr_assert_eq(grid_wait(&g, 1009 * S), S);
    cr_assert_eq(grid_wait(&g, 1010 * S), 0);
    cr_assert_eq(grid_take(&g, 1010 * S + 3, &missed), 1010 * S);
    cr_assert_eq(missed, 0);
    cr_assert_eq(grid_wait(&g, 1010 * S + 4), 10 * S - 4);
    cr_assert_eq(grid_wait(&g, 1020 * S + 9), 0);
    cr_assert_eq(grid_take(&g, 1020 * S + 9, &missed), 1020 * S);
}

Test(grid, what_a_slow_round_misses_is_counted)
{
    struct grid g = {.every = S};

    cr_assert_eq(grid_wait(&g, 100 * S), S);
    cr_assert_eq(grid_take(&g, 101 * S, &missed), 101 * S);
    cr_assert_eq(grid_wait(&g, 104 * S + 500), 0);
    cr_assert_eq(grid_take(&g, 104 * S + 500, &missed), 104 * S);
    cr_assert_eq(missed, 2);
    cr_assert_eq(grid_wait(&g, 104 * S + 501), 499);
}

Test(grid, a_clock_that_is_set_back_begins_anew)
{
    struct grid g = {.every = 10 * S};

    cr_assert_eq(grid_wait(&g, 10000 * S + 1), 10 * S - 1);
    cr_assert_eq(grid_wait(&g, 5003 * S), 7 * S);
    cr_assert_eq(grid_wait(&g, 5010 * S), 0);
    cr_assert_eq(grid_take(&g, 5010 * S, &missed), 5010 * S);
    cr_assert_eq(missed, 0);
}

Test(grid, a_due_time_comes_once)
{
    struct grid g = {.every = 10 * S};

    (void)grid_wait(&g, 1001 * S);
    (void)grid_take(&g, 1010 * S, &missed);
    /* set back a little: it has had that one */
    cr_assert_eq(grid_wait(&g, 1012 * S), 8 * S);
    cr_assert_eq(grid_wait(&g, 1010 * S), 10 * S);
}
