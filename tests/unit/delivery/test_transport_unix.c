/* delivery/transport/unix.c: what counts as read, what waits, what goes down; and
 * that a stream is confirmed by closing, as over TCP. */
#include <sys/un.h>

#include "base/fd.h"
#include "delivery/halfclose.h"
#include "delivery/link.h"
#include "delivery/outlet.h"
#include "rig/transport_rig.h"

static struct transport *const transport = &transport_rig.transport;

TestSuite(unix_socket, .init = transport_rig_start, .fini = transport_rig_end, .timeout = 60);

static int bound(const char *scheme, const char *name, int type)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = kit_path(&transport_rig.kit, name);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    cr_assert_lt(strlen(path), sizeof a.sun_path);
    memcpy(a.sun_path, path, strlen(path));
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    cr_assert_eq(
        link_transport(transport, arena_printf(&transport_rig.kit.arena, "%s://%s", scheme, path)),
        0);
    return fd;
}

/* --- streams --- */

static int listener(int backlog)
{
    int l = bound("unix", "s", SOCK_STREAM);

    cr_assert_eq(listen(l, backlog), 0);
    return l;
}

static int connected(int l)
{
    int peer;

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    UNTIL(transport->state != TRANSPORT_OPENING);
    cr_assert_eq(transport->state, TRANSPORT_UP, "%s", transport->why.text);
    peer = accept4(l, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(peer, 0);
    return peer;
}

Test(unix_socket, acknowledged_is_what_the_peer_has_read)
{
    int l = listener(8), peer = connected(l);

    write_whole("hello\n");
    turn_transport();
    cr_assert_eq(transport->written, 6);
    cr_assert_eq(transport->acked, 0); /* it is in the peer's queue, unread */
    expect_received(peer, "hello\n");
    UNTIL(transport->acked == 6);
    cr_assert_eq(transport->confirmed, 0); /* that takes a clean end */
    close(peer);
    close(l);
}

/* What the peer has not read takes more memory than it has bytes: it waits all the same. */
Test(unix_socket, unread_bytes_are_seen_to_wait)
{
    int l = listener(8), peer = connected(l);
    int64_t since;

    write_whole("hello\n");
    UNTIL(transport->stuck_ns != 0);
    since = transport->stuck_ns;
    write_whole("hello\n");
    turn_transport();
    cr_assert_eq(transport->stuck_ns, since);
    expect_received(peer, "hello\nhello\n");
    UNTIL(transport->stuck_ns == 0);
    close(peer);
    close(l);
}

/* Never more than was read, however the reads and our looks fall. */
Test(unix_socket, acknowledged_is_never_too_much)
{
    int l = listener(8), peer = connected(l);
    char *block = arena_alloc(&transport_rig.kit.arena, 100000), got[7001];
    uint64_t sent = 0, have = 0;

    while (have < 1000000) {
        ssize_t n = sent < 1000000 ? transport->kind->write(transport, block, 1 + sent % 99999) : 0;

        cr_assert_geq(n, 0);
        sent += (uint64_t)n;
        n = recv(peer, got, 1 + have % 7000, MSG_DONTWAIT);
        have += n > 0 ? (uint64_t)n : 0;
        turn_transport();
        cr_assert_leq(transport->acked, have);
    }
    while (have < sent)
        have += (uint64_t)recv(peer, got, sizeof got, 0);
    UNTIL(transport->acked == sent);
    close(peer);
    close(l);
}

/* Its end frees the memory that its unread bytes took: they are not read for that. */
Test(unix_socket, a_peer_that_ends_unread)
{
    int l = listener(8), peer = connected(l);

    write_whole("hello\n");
    close(peer);
    transport->kind->update(transport); /* before its event is seen */
    cr_assert_eq(transport->acked, 0);
    UNTIL(transport->state == TRANSPORT_DOWN);
    cr_assert_eq(transport->acked, 0);
    expect_down("the connection broke: Connection reset by peer");
    close(l);
}

Test(unix_socket, a_peer_that_closes)
{
    int l = listener(8), peer = connected(l);

    close(peer);
    UNTIL(transport->state == TRANSPORT_DOWN);
    expect_down("closed by the peer");
    close(l);
}

Test(unix_socket, never_waits_for_a_reader)
{
    int l = listener(8), peer = connected(l);
    char *block = arena_alloc(&transport_rig.kit.arena, 1 << 16);
    ssize_t n;

    while ((n = transport->kind->write(transport, block, 1 << 16)) > 0)
        ;
    cr_assert_eq(n, 0);
    cr_assert(transport->events & LOOP_OUT);
    close(peer);
    close(l);
}

Test(unix_socket, nobody_there)
{
    int l = bound("unix", "s", SOCK_STREAM), peer;

    cr_assert_eq(transport->kind->open(transport), -1);
    expect_down("cannot connect: Connection refused"); /* it does not listen */
    cr_assert_eq(listen(l, 0), 0);
    peer = connected(l);
    cr_assert_eq(unlink(transport->path), 0);
    transport_close(transport);
    cr_assert_eq(transport->kind->open(transport), -1);
    expect_down("cannot connect: No such file or directory");
    close(peer);
    close(l);
}

/* As a receiver does that is started anew, while somebody holds the old socket. */
static int bound_anew(int type)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    memcpy(a.sun_path, transport->path, strlen(transport->path));
    cr_assert(unlink(transport->path) == 0 || errno == ENOENT);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* What the old one still reads is not sent again: so it is waited for, though not for ever. */
Test(unix_socket, a_listener_whose_path_was_taken)
{
    int l = listener(8), peer = connected(l), other;

    write_whole("hello\n");
    other = bound_anew(SOCK_STREAM);
    cr_assert_eq(transport->kind->write(transport, "more\n", 5), 0);
    turn_transport();
    cr_assert_eq(transport->state, TRANSPORT_UP, "%s", transport->why.text);
    expect_received(peer, "hello\n");
    UNTIL(transport->state == TRANSPORT_DOWN);
    cr_assert_eq(transport->acked, 6);
    expect_down("another socket has taken its place");
    close(peer);
    close(l);
    cr_assert_eq(listen(other, 8), 0);
    peer = connected(other);
    write_whole("never read\n");
    cr_assert_eq(unlink(transport->path),
                 0); /* nothing there: the connection is as good as before */
    transport->looked_ns -= 2 * NS_PER_S;
    turn_transport();
    cr_assert_eq(transport->state, TRANSPORT_UP, "%s", transport->why.text);
    close(bound_anew(SOCK_STREAM));
    transport->looked_ns -= 2 * NS_PER_S;
    UNTIL(transport->socket.replaced_ns != 0);
    transport->socket.replaced_ns -= 11 * NS_PER_S;
    turn_transport();
    expect_down("another socket has taken its place");
    close(peer);
    close(other);
}

/* The whole of it: written on, half-closed, read to the end, closed. */
Test(unix_socket, a_stream_is_confirmed_by_closing)
{
    struct loop *loop = loop_new();
    int l = listener(8), peer = -1;
    const char *to[] = {transport->uri};
    struct stream_loss loss;
    struct outlet o;
    char c;

    kit_sink(&transport_rig.kit, "x", "{name: main}");
    transport_rig.kit.sink.to = (struct strings){to, 1};
    transport_rig.kit.sink.confirm =
        (struct conf_confirm){.every = 30 * NS_PER_MS, .bytes = 1 << 20};
    outlet_init(&o, loop, &transport_rig.kit.sink, true, false);
    for (int64_t end = clock_mono() + 20 * NS_PER_S; stream_settled(&o.stream) != 6;) {
        int64_t due = outlet_due(&o, clock_mono());

        cr_assert_lt(clock_mono(), end, "timed out");
        cr_assert_not(outlet_turn(&o, clock_mono(), &loss));
        (void)loop_turn(loop, due < 0 || due > 5 * NS_PER_MS ? 5 * NS_PER_MS : due);
        if (outlet_up(&o) && stream_written(&o.stream) == 0)
            cr_assert_eq(stream_write(&o.stream, "a 1 1\n", 6), 6);
        if (peer < 0 && (peer = accept4(l, NULL, NULL, SOCK_CLOEXEC)) >= 0)
            expect_received(peer, "a 1 1\n");
        if (peer > 0 && recv(peer, &c, 1, MSG_DONTWAIT) == 0) {
            close(peer);
            peer = 0;
        }
    }
    outlet_free(&o);
    loop_free(loop);
    close(l);
}

/* Two connections: what was sent on the first is confirmed when it ends well and the second lives. */
static enum halfclose_result ending(bool reads, bool canary_lives)
{
    enum halfclose_result result = HALFCLOSE_WAIT;
    int64_t now = clock_mono();
    int old[2], next[2];
    struct halfclose c;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, old), 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, next), 0);
    cr_assert_eq(send(old[0], "hello\n", 6, 0), 6);
    cr_assert(halfclose_begin(&c, old[0], now), "%s", c.why.text);
    if (reads)
        expect_received(old[1], "hello\n");
    close(old[1]);
    if (!canary_lives)
        close(next[1]);
    for (int i = 0; i < 100 && result == HALFCLOSE_WAIT; i++, now += 10 * NS_PER_MS)
        result = halfclose_look(&c, next[0], now);
    fd_close(&c.fd);
    close(next[0]);
    if (canary_lives)
        close(next[1]);
    return result;
}

Test(unix_socket, what_a_clean_end_is)
{
    cr_assert_eq(ending(true, true), HALFCLOSE_CLEAN);
    cr_assert_eq(ending(true, false), HALFCLOSE_ANOMALY);
    cr_assert_eq(ending(false, true), HALFCLOSE_ANOMALY);
}

/* The memory of what is unread is more than its bytes, and may be more than was ever sent. */
Test(unix_socket, unread_memory_never_settles_too_much)
{
    const char *to[] = {"unix:///nowhere"};
    int pair[2];
    struct outlet o;

    kit_sink(&transport_rig.kit, "x", "{name: main}");
    transport_rig.kit.sink.to = (struct strings){to, 1};
    outlet_init(&o, NULL, &transport_rig.kit.sink, false, false);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(send(pair[0], "a", 1, 0), 1);
    o.stream.old.fd = pair[0];
    o.stream.base = 1;
    cr_assert_eq(stream_settled(&o.stream), 0);
    expect_received(pair[1], "a");
    cr_assert_eq(stream_settled(&o.stream), 1);
    close(pair[0]);
    close(pair[1]);
}

/* --- datagrams --- */

Test(unix_socket, a_full_queue_is_waited_for)
{
    int r = bound("unixgram", "d", SOCK_DGRAM), sent = 0;

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    while (transport->kind->write(transport, "a:1|g\n", 6) == 6)
        sent++;
    cr_assert_eq(transport->state, TRANSPORT_UP, "%s", transport->why.text);
    cr_assert_eq(transport->confirmed, 6 * (uint64_t)sent);
    cr_assert(transport->events & LOOP_OUT);
    cr_assert_neq(transport->stuck_ns, 0);
    turn_transport();
    cr_assert(transport->events & LOOP_OUT); /* still none */
    for (int i = 0; i < sent; i++)
        expect_received(r, "a:1|g\n");
    UNTIL((transport->events & LOOP_OUT) == 0);
    write_whole("b:2|g\n");
    cr_assert_eq(transport->stuck_ns, 0);
    expect_received(r, "b:2|g\n");
    close(r);
}

Test(unix_socket, a_receiver_that_binds_anew)
{
    int r = bound("unixgram", "d", SOCK_DGRAM), other;

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    while (transport->kind->write(transport, "a:1|g\n", 6) == 6)
        ; /* the old one is full, and never read again */
    other = bound_anew(SOCK_DGRAM);
    write_whole("b:2|g\n");
    expect_received(other, "b:2|g\n");
    cr_assert_eq(transport->stuck_ns, 0);
    UNTIL((transport->events & LOOP_OUT) == 0);
    cr_assert_eq(unlink(transport->path), 0);
    cr_assert_eq(transport->kind->write(transport, "c", 1),
                 -1); /* rather than to one that may be nobody's */
    expect_down("cannot connect: No such file or directory");
    close(other);
    close(r);
}

Test(unix_socket, a_receiver_that_has_gone)
{
    int r = bound("unixgram", "d", SOCK_DGRAM);

    cr_assert_eq(transport->kind->open(transport), 0, "%s", transport->why.text);
    write_whole("a");
    close(r);
    cr_assert_eq(transport->kind->write(transport, "b", 1), -1);
    cr_assert_eq(transport->confirmed, 1);
    expect_down("the receiver has gone: Connection refused");
    cr_assert_eq(transport->kind->open(transport), -1);
    expect_down("cannot connect: Connection refused");
    cr_assert_eq(unlink(transport->path), 0);
    cr_assert_eq(transport->kind->open(transport), -1);
    expect_down("cannot connect: No such file or directory");
}
