/* intake/rest: who is taken at once, and who together */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "intake/rest.h"

static struct rest r;
static const int64_t MS = NS_PER_MS;

/* Of a hundred bytes each. */
static int64_t look(uint64_t metrics, int64_t now)
{
    return rest_until(&r, metrics, metrics * 100, now);
}

Test(rest, a_piece_that_comes_alone_is_followed_by_none)
{
    cr_assert_eq(look(5, 1000 * MS), 1000 * MS);
    cr_assert_eq(look(5, 1011 * MS), 1011 * MS);
}

Test(rest, little_that_comes_often_is_taken_together)
{
    (void)look(10, 1000 * MS);
    cr_assert_eq(look(10, 1001 * MS), 1006 * MS);
    cr_assert_eq(look(50, 1006 * MS), 1011 * MS);
}

Test(rest, is_as_long_as_enough_takes_to_come)
{
    (void)look(1, 1000 * MS);
    cr_assert_eq(look(48, 1002 * MS), 1006 * MS); /* 96 come in 4 ms */
    cr_assert_eq(look(96, 1004 * MS), 1006 * MS);
    cr_assert_eq(look(1, 1004 * MS + 1000), 1004 * MS + 1000); /* in 0.1 */
}

/* Once much has come in the time of a rest, whoever sends it may have stood still. */
Test(rest, none_for_a_while_where_much_has_come)
{
    (void)look(1, 1000 * MS);
    cr_assert_eq(look(128, 1005 * MS), 1005 * MS);
    cr_assert_eq(look(1, 1006 * MS), 1006 * MS);
    for (int64_t at = 1007; at < 1255; at++)
        cr_assert_eq(look(1, at * MS), at * MS);
    cr_assert_eq(look(1, 1255 * MS), 1260 * MS);
    cr_assert_eq(look(1000, 1290 * MS), 1290 * MS); /* we were late */
    cr_assert_eq(look(1, 1291 * MS), 1296 * MS);
}

/* Large ones fill a buffer sooner. */
Test(rest, counts_bytes_as_well)
{
    (void)rest_until(&r, 1, 100, 1000 * MS);
    cr_assert_eq(rest_until(&r, 6, 24 << 10, 1003 * MS), 1006 * MS);
    cr_assert_eq(rest_until(&r, 8, 32 << 10, 1006 * MS), 1006 * MS);
    cr_assert_eq(rest_until(&r, 1, 100, 1007 * MS), 1007 * MS);
}

/* A turn that has nothing to do with us is none of ours. */
Test(rest, nothing_taken_says_nothing)
{
    (void)look(10, 1000 * MS);
    cr_assert_eq(look(0, 1001 * MS), 1001 * MS);
    cr_assert_eq(look(10, 1002 * MS), 1007 * MS);
}

Test(rest, never_lasts_long)
{
    for (int64_t since = 0; since < 100 * MS; since += MS / 7)
        for (uint64_t n = 1; n < 300; n += 7) {
            struct rest any = {.last = 5000 * MS};
            int64_t now = any.last + since, until = rest_until(&any, n, 100 * n, now);

            cr_assert(until >= now && until <= now + 5 * MS);
        }
}
