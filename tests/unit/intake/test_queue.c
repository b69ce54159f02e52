/* tests/unit/intake/test_queue.c - whose turn it is, and how much each may read */
#include <criterion/criterion.h>
#include <time.h>

#include "base/clock.h"
#include "intake/queue.h"

struct reader {
    struct queue_entry entry;
    int turns;
    size_t asked; /* in its last turn */
    size_t has;   /* bytes to be read; each costs `cost` ns */
    int64_t cost;
};

static struct queue q;
static struct reader *order[64];
static unsigned turns;

static void burn(int64_t ns)
{
    struct timespec ts;
    int64_t until;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    until = clock_ns(ts) + ns;
    while (clock_ns(ts) < until)
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
}

static bool take_turn(void *arg, size_t most, size_t *n)
{
    struct reader *r = arg;

    order[turns++ % 64] = r;
    r->turns++;
    r->asked = most;
    *n = r->has < most ? r->has : most;
    r->has -= *n;
    burn((int64_t)*n * r->cost);
    return *n == most;
}

static void start(struct reader *r, size_t has, int64_t cost)
{
    *r = (struct reader){.has = has, .cost = cost};
    queue_entry_init(&r->entry, r);
    queue_add(&q, &r->entry);
}

static void init(void)
{
    queue_init(&q, take_turn);
}

TestSuite(queue, .init = init);

Test(queue, first_come_first_served_and_each_once)
{
    struct reader a, b, c;

    start(&a, 1, 0);
    start(&b, 1, 0);
    start(&c, 1, 0);
    queue_add(&q, &a.entry); /* it is in */
    queue_run(&q);
    cr_assert_eq(turns, 3);
    cr_assert(order[0] == &a && order[1] == &b && order[2] == &c);
    queue_run(&q);
    cr_assert_eq(turns, 3, "nobody has asked for another turn");
}

Test(queue, one_with_more_stands_behind_the_others)
{
    struct reader a, b;

    start(&a, 20 * 1024, 0);
    start(&b, 1, 0);
    queue_run(&q);
    cr_assert_eq(turns, 3);
    cr_assert(order[0] == &a && order[1] == &b && order[2] == &a);
}

Test(queue, one_that_was_removed_has_no_turn)
{
    struct reader a, b;

    start(&a, 1, 0);
    start(&b, 1, 0);
    queue_remove(&q, &a.entry);
    queue_remove(&q, &a.entry);
    queue_run(&q);
    cr_assert_eq(a.turns, 0);
    cr_assert_eq(b.turns, 1);
    queue_add(&q, &a.entry);
    queue_run(&q);
    cr_assert_eq(a.turns, 1);
}

Test(queue, cheap_bytes_make_longer_slices_and_dear_ones_shorter)
{
    struct reader cheap, dear;

    start(&cheap, SIZE_MAX, 0);
    for (int i = 0; i < 100 && cheap.asked < QUEUE_READ_MOST; i++)
        queue_run(&q);
    cr_assert_eq(cheap.asked, QUEUE_READ_MOST);
    queue_remove(&q, &cheap.entry);
    start(&dear, SIZE_MAX, 100);
    for (int i = 0; i < 1000 && (dear.turns == 0 || dear.asked > 2048); i++)
        queue_run(&q);
    cr_assert_leq(dear.asked, 2048,
                  "200 us of the 250 that it may have, or less on a slow machine");
}

/* A byte of one costs a thousand times as much: it gets its share of the time, and not of the turns. */
Test(queue, who_took_too_long_is_passed_by)
{
    struct reader quick, slow;

    start(&quick, SIZE_MAX, 0);
    start(&slow, SIZE_MAX, 1000);
    while (slow.turns < 2)
        queue_run(&q);
    cr_assert_gt(quick.turns, 10);
}
