/* delivery/endpoints.c: which endpoint comes next, and when, by what the last one failed of. Nothing is connected. */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/endpoints.h"

static const char *uris[] = {"udp://two:1", "tcp://a:1", "unix:///b"};
static struct strings to = {uris, 3};
static struct endpoints e;
static struct link k;

static void begins_with(size_t n)
{
    to.n = n;
    endpoints_init(&e, NULL, &to);
    link_init(&k, NULL, uris[e.at]);
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    begins_with(3);
}

TestSuite(endpoints, .init = setup);

static void fails(bool same)
{
    endpoints_failed(&e, &k, "is gone", same);
    link_again(&k, uris[e.at], e.complaints > 0);
}

/* One of `addresses` has said that nobody listens there. */
static void is_refused(unsigned addresses)
{
    k.t.refused = true;
    k.t.addresses = addresses;
    fails(false);
}

static int64_t due(void)
{
    int64_t now = clock_mono();

    return e.retry_ns > now ? e.retry_ns - now : 0;
}

Test(endpoints, the_next_at_once_and_a_pause_after_a_round)
{
    cr_assert_eq(due(), 0);
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 1; i <= 2; i++) {
            fails(false);
            cr_assert_eq(e.at, i);
            cr_assert_eq(due(), 0);
        }
        fails(false);
        cr_assert_eq(e.at, 0);
        cr_assert_leq(due(), 30 * NS_PER_S);
    }
    cr_assert_eq(e.throttle.failures, 20);
    e.retry_ns = 0;
    cr_assert_eq(due(), 0);
}

Test(endpoints, one_that_works_begins_a_new_round)
{
    fails(false);
    fails(false);
    endpoints_arrived(&e);
    cr_assert(e.works);
    cr_assert_not(e.complaints > 0);
    for (unsigned i = 0; i < 2; i++) {
        fails(false);
        cr_assert_eq(due(), 0, "only the third makes a whole round");
    }
    fails(false);
    cr_assert_eq(e.tried, 0);
    cr_assert_eq(e.throttle.failures, 1);
}

Test(endpoints, the_same_where_only_what_was_sent_is_in_doubt)
{
    fails(true);
    cr_assert_eq(e.at, 0);
    cr_assert_eq(due(), 0);
    cr_assert_eq(e.tried, 0);
}

/* First the other addresses of the name; a host says it but once a second, so each attempt is later. */
Test(endpoints, a_refusal_is_of_one_address)
{
    is_refused(3);
    cr_assert(e.complaints > 0);
    cr_assert_eq(e.at, 0);
    cr_assert_gt(due(), NS_PER_S);
    is_refused(3);
    cr_assert_eq(e.at, 0);
    is_refused(3);
    cr_assert_eq(e.at, 1);
    cr_assert_gt(due(), NS_PER_S);
    fails(false);
    fails(false);
    cr_assert_eq(e.at, 0);
}

Test(endpoints, after_refusals_the_pause_is_short)
{
    begins_with(1);
    for (unsigned i = 0; i < 50; i++) {
        is_refused(1);
        cr_assert_gt(due(), NS_PER_S);
        cr_assert_lt(due(), 3 * NS_PER_S);
    }
    begins_with(2);
    k.t.each_time = true; /* where it says so each time, the next of several comes at once */
    is_refused(1);
    cr_assert_eq(e.at, 1);
    cr_assert_eq(due(), 0);
}

/* A proxy that closes idle connections, say: one line, and then a number each minute. */
Test(endpoints, the_same_loss_again_and_again_is_counted)
{
    begins_with(1);
    k.was_up = true;
    fails(false);
    cr_assert_eq(e.said.more, 0);
    for (uint64_t i = 1; i < 10; i++) {
        k.was_up = true;
        fails(false);
        cr_assert_eq(e.said.more, i);
    }
    endpoints_report(&e, e.said.at + 59 * NS_PER_S);
    cr_assert_eq(e.said.more, 9);
    endpoints_report(&e, e.said.at + 61 * NS_PER_S);
    cr_assert_eq(e.said.more, 0);
}
