/* delivery/transport/udp.c: whole datagrams, refusals, names; and how large a batch is for them. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "delivery/link.h"
#include "rig/transport_rig.h"

static struct transport *const transport = &transport_rig.transport;

TestSuite(udp, .init = transport_rig_start, .fini = transport_rig_end, .timeout = 60);

/* A receiver on a free port of 127.0.0.1, and t set to it. */
static int receiver(const char *host)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    cr_assert_eq(link_transport(transport, arena_printf(&transport_rig.kit.arena, "udp://%s:%d",
                                                        host, ntohs(a.sin_port))),
                 0);
    return fd;
}

Test(udp, a_write_is_a_datagram)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    cr_assert_eq(transport->state, TRANSPORT_UP);
    cr_assert(!transport->kind->by_closing);
    write_whole("a:1|g\nb:2|g\n");
    write_whole("c:3|g\n");
    cr_assert_eq(transport->written, 18);
    cr_assert_eq(transport->acked, 18);
    cr_assert_eq(transport->confirmed, 0);
    expect_received(r, "a:1|g\nb:2|g\n");
    expect_received(r, "c:3|g\n");
    UNTIL(transport->confirmed == 18);
    cr_assert_geq(clock_mono(), transport->opened_ns + NS_PER_S);
    cr_assert_eq(transport->due_ns, 0);
    close(r);
}

Test(udp, what_is_refused_is_not_confirmed)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    write_whole("a");
    transport->silence.steps[0].at_ns -= 2 * NS_PER_S; /* as if it had been sent before */
    turn_transport();
    cr_assert_eq(transport->confirmed, 1);
    write_whole("b");
    close(r);
    write_whole("c"); /* comes back */
    transport->silence.steps[transport->silence.head].at_ns -=
        2 * NS_PER_S; /* as if we had been stopped since */
    transport->kind->update(transport);
    cr_assert_eq(transport->state, TRANSPORT_DOWN);
    cr_assert_eq(transport->confirmed, 1);
    cr_assert(transport->refused);
    expect_down("nobody listens at 127.0.0.1");
    cr_assert_eq(transport->failures, 1);
    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    write_whole("d");
    UNTIL(transport->state == TRANSPORT_DOWN); /* by its event */
    expect_down("nobody listens at 127.0.0.1");
}

/* One datagram, and the second in which it might come back. */
Test(udp, a_trial_is_one_datagram)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    transport->trial = true;
    write_whole("a");
    cr_assert_eq(transport->kind->write(transport, "b", 1), 0);
    cr_assert_gt(transport->due_ns, clock_mono());
    UNTIL(transport->confirmed == 1);
    cr_assert_not(transport->trial);
    write_whole("b");
    write_whole("c");
    close(r);
}

Test(udp, what_is_too_long_is_lost_and_holds_nothing_up)
{
    int r = receiver("127.0.0.1");
    char *text = arena_alloc(&transport_rig.kit.arena, 65508);

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    memset(text, 'x', 65508);
    cr_assert_eq(transport->kind->write(transport, text, 65508), 65508);
    cr_assert_eq(transport->state, TRANSPORT_UP);
    write_whole("a");
    expect_received(r, "a");
    close(r);
}

Test(udp, what_the_peer_says_is_thrown_away)
{
    int r = receiver("127.0.0.1");
    struct sockaddr_in a;
    socklen_t n = sizeof a;
    char c;

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    write_whole("a");
    cr_assert_eq(recvfrom(r, &c, 1, 0, (struct sockaddr *)&a, &n), 1);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(sendto(r, "", (size_t)(i % 2), 0, (struct sockaddr *)&a, n), i % 2);
    UNTIL(recv(transport->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
    cr_assert_eq(transport->state, TRANSPORT_UP);
    close(r);
}

Test(udp, the_name_is_looked_up_again)
{
    int r = receiver("127.0.0.1");

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    transport->looked_ns -= 301 * NS_PER_S; /* as if five minutes had passed */
    turn_transport();
    cr_assert_eq(transport->state, TRANSPORT_UP);
    cr_assert_lt(clock_mono() - transport->looked_ns, 20 * NS_PER_S);
    transport->looked_ns -= 301 * NS_PER_S;
    (void)strcpy(transport->host, "no.such.host.invalid"); /* keeps what it has */
    turn_transport();
    cr_assert_eq(transport->state, TRANSPORT_UP);
    transport->looked_ns -= 301 * NS_PER_S;
    (void)strcpy(transport->host, "127.0.0.2");
    turn_transport();
    expect_down("\"127.0.0.2\" has another address now");
    close(r);
}

Test(udp, names_without_an_address)
{
    cr_assert_eq(link_transport(transport, "udp://no.such.host.invalid:1"), 0);
    cr_assert_eq(transport->kind->open(transport), -1);
    cr_assert_not_null(strstr(transport->why.text, "cannot look up \"no.such.host.invalid\": "),
                       "%s", transport->why.text);
}

static size_t batch_size(const char *a, const char *b, int64_t max_packet)
{
    static const char *to[2];

    to[0] = a;
    to[1] = b;
    transport_rig.kit.sink.max_packet = max_packet;
    transport_rig.kit.sink.to = (struct strings){to, b != NULL ? 2 : 1};
    return link_batch_size(&transport_rig.kit.sink, 65536);
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
    cr_assert_eq(link_batch_size(&transport_rig.kit.sink, 600), 600);
}
