/* delivery/transport/udp.c: whole datagrams, refusals, names; and how large a batch is for them. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "delivery/transports.h"
#include "rig/transport_rig.h"

TestSuite(udp, .init = setup, .fini = teardown, .timeout = 60);

/* A receiver on a free port of 127.0.0.1, and t set to it. */
static int receiver(const char *host)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    cr_assert_eq(
        transports_init(&t, arena_printf(&k.arena, "udp://%s:%d", host, ntohs(a.sin_port))), 0);
    return fd;
}

Test(udp, a_write_is_a_datagram)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    cr_assert_eq(t.state, TRANSPORT_UP);
    cr_assert(!t.kind->by_closing);
    rig_put("a:1|g\nb:2|g\n");
    rig_put("c:3|g\n");
    cr_assert_eq(t.written, 18);
    cr_assert_eq(t.acked, 18);
    cr_assert_eq(t.confirmed, 0);
    rig_gets(r, "a:1|g\nb:2|g\n");
    rig_gets(r, "c:3|g\n");
    UNTIL(t.confirmed == 18);
    cr_assert_geq(clock_mono(), t.opened_ns + NS_PER_S);
    cr_assert_eq(t.due_ns, 0);
    close(r);
}

Test(udp, what_is_refused_is_not_confirmed)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    rig_put("a");
    t.silence.steps[0].at_ns -= 2 * NS_PER_S; /* as if it had been sent before */
    rig_turn();
    cr_assert_eq(t.confirmed, 1);
    rig_put("b");
    close(r);
    rig_put("c");                                          /* comes back */
    t.silence.steps[t.silence.head].at_ns -= 2 * NS_PER_S; /* as if we had been stopped since */
    t.kind->update(&t);
    cr_assert_eq(t.state, TRANSPORT_DOWN);
    cr_assert_eq(t.confirmed, 1);
    cr_assert(t.refused);
    rig_down("nobody listens at 127.0.0.1");
    cr_assert_eq(t.failures, 1);
    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    rig_put("d");
    UNTIL(t.state == TRANSPORT_DOWN); /* by its event */
    rig_down("nobody listens at 127.0.0.1");
}

/* One datagram, and the second in which it might come back. */
Test(udp, a_trial_is_one_datagram)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    t.trial = true;
    rig_put("a");
    cr_assert_eq(t.kind->write(&t, "b", 1), 0);
    cr_assert_gt(t.due_ns, clock_mono());
    UNTIL(t.confirmed == 1);
    cr_assert_not(t.trial);
    rig_put("b");
    rig_put("c");
    close(r);
}

Test(udp, what_is_too_long_is_lost_and_holds_nothing_up)
{
    int r = receiver("127.0.0.1");
    char *text = arena_alloc(&k.arena, 65508);

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    memset(text, 'x', 65508);
    cr_assert_eq(t.kind->write(&t, text, 65508), 65508);
    cr_assert_eq(t.state, TRANSPORT_UP);
    rig_put("a");
    rig_gets(r, "a");
    close(r);
}

Test(udp, what_the_peer_says_is_thrown_away)
{
    int r = receiver("127.0.0.1");
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    char c;

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    rig_put("a");
    cr_assert_eq(recvfrom(r, &c, 1, 0, (struct sockaddr *)&a, &n), 1);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(sendto(r, "", (size_t)(i % 2), 0, (struct sockaddr *)&a, n), i % 2);
    UNTIL(recv(t.fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
    cr_assert_eq(t.state, TRANSPORT_UP);
    close(r);
}

Test(udp, the_name_is_looked_up_again)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(t.kind->open(&t), 0, "%s", t.why.text);
    t.looked_ns -= 301 * NS_PER_S; /* as if five minutes had passed */
    rig_turn();
    cr_assert_eq(t.state, TRANSPORT_UP);
    cr_assert_lt(clock_mono() - t.looked_ns, 20 * NS_PER_S);
    t.looked_ns -= 301 * NS_PER_S;
    t.host = "no.such.host.invalid"; /* keeps what it has */
    rig_turn();
    cr_assert_eq(t.state, TRANSPORT_UP);
    t.looked_ns -= 301 * NS_PER_S;
    t.host = "127.0.0.2";
    rig_turn();
    rig_down("\"127.0.0.2\" has another address now");
    close(r);
}

Test(udp, names_without_an_address)
{
    cr_assert_eq(transports_init(&t, "udp://no.such.host.invalid:1"), 0);
    cr_assert_eq(t.kind->open(&t), -1);
    cr_assert_not_null(strstr(t.why.text, "cannot look up \"no.such.host.invalid\": "), "%s",
                       t.why.text);
}

static size_t batch_size(const char *a, const char *b, int64_t max_packet)
{
    static const char *to[2];

    to[0] = a;
    to[1] = b;
    k.sink.batch_size = 65536;
    k.sink.max_packet = max_packet;
    k.sink.to = (struct strings){to, b != NULL ? 2 : 1};
    return transports_batch_size(&k.sink);
}

Test(udp, a_batch_is_a_datagram)
{
    cr_assert_eq(batch_size("tcp://a:1", NULL, 0), 65536);
    cr_assert_eq(batch_size("tcp://a:1", NULL, 512), 65536);
    cr_assert_eq(batch_size("udp://a:1", NULL, 0), 1432);
    cr_assert_eq(batch_size("unixgram:///a", NULL, 0), 8192);
    cr_assert_eq(batch_size("unix:///a", NULL, 0), 65536);
    cr_assert_eq(batch_size("unixgram:///a", "udp://a:1", 0), 1432);
    cr_assert_eq(batch_size("tcp://a:1", "udp://a:1", 8932), 8932);
    k.sink.batch_size = 600;
    cr_assert_eq(transports_batch_size(&k.sink), 600);
}
