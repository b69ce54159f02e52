/* delivery/outlet.c: which endpoint comes next, and when, by what the last one failed of. Nothing is connected: an open
 * descriptor stands for a connection, and what has become of it is put into its link. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "delivery/outlet.h"

static const char *uris[] = {"udp://127.0.0.1:1", "tcp://a:1", "unix:///b"};
static struct conf_sink sink = {.to = {uris, 3}, .confirm = {.every = 3600 * NS_PER_S, .bytes = 1}};
static struct loop *loop;
static struct outlet o;
static struct link *const cur = &o.stream.cur;
static struct stream_loss loss;

static void begins_with(size_t n)
{
    sink.to.n = n;
    outlet_init(&o, loop, &sink, true, false);
}

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    loop = loop_new();
    cr_assert_not_null(loop);
    begins_with(3);
}

static void teardown(void)
{
    outlet_free(&o);
    loop_free(loop);
}

TestSuite(endpoints, .init = setup, .fini = teardown);

static void fails(void)
{
    cur->t.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cur->fell = true;
    (void)why_set(&cur->t.why, "is gone");
    cr_assert(outlet_turn(&o, clock_mono(), &loss));
    cr_assert_eq(cur->t.fd, -1);
}

/* One of `addresses` has said that nobody listens there. */
static void is_refused(unsigned addresses)
{
    cur->t.refused = true;
    cur->t.addresses = addresses;
    fails();
}

/* A connection that is up; its other end. */
static int is_up(void)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    cur->t.fd = pair[0];
    cur->t.state = TRANSPORT_UP;
    cur->t.looked_ns = clock_mono();
    return pair[1];
}

static int64_t due(void)
{
    return outlet_due(&o, clock_mono());
}

Test(endpoints, the_next_at_once_and_a_pause_after_a_round)
{
    cr_assert_eq(due(), 0);
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 1; i <= 2; i++) {
            fails();
            cr_assert_eq(o.at, i);
            cr_assert_eq(due(), 0);
        }
        fails();
        cr_assert_eq(o.at, 0);
        cr_assert_leq(due(), 30 * NS_PER_S);
    }
    cr_assert_eq(o.throttle.failures, 20);
    outlet_hurry(&o);
    cr_assert_eq(due(), 0);
}

Test(endpoints, one_that_works_begins_a_new_round)
{
    int peer;

    fails();
    fails();
    peer = is_up();
    cur->t.written = 1; /* and nothing waits */
    cr_assert_not(outlet_turn(&o, clock_mono(), &loss));
    cr_assert(o.works);
    cr_assert_eq(o.complaints, 0, "it is not on trial");
    close(cur->t.fd);
    close(peer);
    for (unsigned i = 0; i < 2; i++) {
        fails();
        cr_assert_eq(due(), 0, "only the third makes a whole round");
    }
    fails();
    cr_assert_eq(o.tried, 0);
    cr_assert_eq(o.throttle.failures, 1);
}

/* The peer has reset the connection before, and keeps this one. */
Test(endpoints, the_same_where_only_what_was_sent_is_in_doubt)
{
    int peer = is_up();

    o.stream.old = (struct halfclose){.fd = open("/dev/null", O_RDONLY | O_CLOEXEC),
                                      .ended_ns = clock_mono() - NS_PER_S,
                                      .broken = true};
    cr_assert(outlet_turn(&o, clock_mono(), &loss));
    close(peer);
    cr_assert_eq(o.at, 0);
    cr_assert_eq(due(), 0);
    cr_assert_eq(o.tried, 0);
}

/* First the other addresses of the name; a host says it but once a second, so each attempt is later. */
Test(endpoints, a_refusal_is_of_one_address)
{
    is_refused(3);
    cr_assert(cur->t.trial);
    cr_assert_eq(o.at, 0);
    cr_assert_gt(due(), NS_PER_S);
    is_refused(3);
    cr_assert_eq(o.at, 0);
    is_refused(3);
    cr_assert_eq(o.at, 1);
    cr_assert_gt(due(), NS_PER_S);
    fails();
    fails();
    cr_assert_eq(o.at, 0);
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
    cur->t.each_time = true; /* where it says so each time, the next of several comes at once */
    is_refused(1);
    cr_assert_eq(o.at, 1);
    cr_assert_eq(due(), 0);
}

/* A proxy that closes idle connections, say: one line, and then a number each minute. */
Test(endpoints, the_same_loss_again_and_again_is_counted)
{
    begins_with(1);
    cur->was_up = true;
    fails();
    cr_assert_eq(o.said.more, 0);
    for (uint64_t i = 1; i < 10; i++) {
        cur->was_up = true;
        fails();
        cr_assert_eq(o.said.more, i);
    }
    cr_assert_not(outlet_turn(&o, o.said.at + 59 * NS_PER_S, &loss));
    cr_assert_eq(o.said.more, 9);
    cr_assert_not(outlet_turn(&o, o.said.at + 61 * NS_PER_S, &loss));
    cr_assert_eq(o.said.more, 0);
}
