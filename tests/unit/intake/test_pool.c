/* tests/unit/intake/test_pool.c - who has how many places, and which of his has been silent for longest */
#include <criterion/criterion.h>

#include "intake/room.h"

static struct pool p;
static struct pool_entry e[8];

static void enter(unsigned i, uintptr_t key, int64_t now)
{
    cr_assert(pool_enter(&p, key, &e[i], now));
}

static const struct pool_entry *oldest_of(uintptr_t key)
{
    return TAILQ_FIRST(&pool_owner_of(&p, key)->entries);
}

Test(pool, an_owner_lives_as_long_as_it_has_a_place)
{
    cr_assert_null(pool_owner_of(&p, 7));
    cr_assert_null(pool_largest(&p));
    enter(0, 7, 1);
    enter(1, 7, 2);
    cr_assert_eq(p.connections, 2);
    cr_assert_eq(pool_owner_of(&p, 7)->connections, 2);
    cr_assert_null(pool_owner_of(&p, 8));
    pool_leave(&e[0]);
    pool_leave(&e[0]); /* it has none */
    cr_assert_null(e[0].owner);
    cr_assert_eq(p.connections, 1);
    pool_leave(&e[1]);
    cr_assert_null(pool_owner_of(&p, 7));
    cr_assert_eq(p.connections, 0);
}

Test(pool, the_longest_silent_is_first)
{
    for (unsigned i = 0; i < 3; i++)
        enter(i, 7, i);
    cr_assert_eq(oldest_of(7), &e[0]);
    pool_heard(&e[0], 10);
    cr_assert_eq(oldest_of(7), &e[1]);
    cr_assert_eq(e[0].heard_at, 10);
    pool_leave(&e[1]);
    pool_heard(&e[1], 11); /* without a place it is only noted */
    cr_assert_eq(e[1].heard_at, 11);
    cr_assert_eq(oldest_of(7), &e[2]);
    pool_heard(&e[2], 12);
    cr_assert_eq(oldest_of(7), &e[0]);
    pool_leave(&e[0]);
    pool_leave(&e[2]);
}

Test(pool, the_largest_has_most_and_of_equals_the_longest_silent)
{
    enter(0, 7, 1);
    enter(1, 8, 2);
    cr_assert_eq(pool_largest(&p)->key, 7);
    pool_heard(&e[0], 3);
    cr_assert_eq(pool_largest(&p)->key, 8);
    enter(2, 7, 4);
    cr_assert_eq(pool_largest(&p)->key, 7);
    for (unsigned i = 0; i < 3; i++)
        pool_leave(&e[i]);
}
