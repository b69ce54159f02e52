/* delivery/transport/tcp.c - a TCP connection
 *
 * acked is what the peer's kernel has acknowledged: written less SIOCOUTQ. Nothing is confirmed
 * here: that takes the end of the connection (delivery/halfclose.h). Goes down with a reason when the
 * connect fails or takes 10 s, the peer closes or resets, or is silent for 10 s with bytes under
 * way (keep-alive when idle). After an error acked is not refreshed: what was not acknowledged
 * before counts as lost and is sent again. What a peer sends is read and thrown away.
 */
#include "delivery/transport/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { DEADLINE_S = 10 };

/* Best effort: a connection without one of these works, and only notices a dead peer later. */
static void set_tcp_options(int fd)
{
    int on = 1, idle_s = 5, every_s = 2, count = 2;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int tcp_open(struct transport *t)
{
    int fd = transport_connect(t, SOCK_STREAM, set_tcp_options);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_OPENING, LOOP_OUT);
    return 0;
}

static void finish_connect(struct transport *t)
{
    int error = socket_error(t->fd);

    if (error != 0) {
        t->failures++;
        (void)transport_fail(t, "cannot connect: %s", strerror(error));
        return;
    }
    t->state = TRANSPORT_UP;
    t->events = LOOP_IN | LOOP_OUT;
}

static void tcp_ready(struct transport *t, uint32_t events)
{
    int open = 1;

    if (t->state == TRANSPORT_OPENING && (events & (LOOP_OUT | LOOP_HUP)) != 0)
        finish_connect(t);
    else if (t->state == TRANSPORT_UP && (events & (LOOP_IN | LOOP_HUP)) != 0)
        open = socket_discard(t->fd);
    if (open == 0)
        (void)transport_fail(t, "closed by the peer");
    else if (open < 0)
        (void)transport_fail(t, "the connection broke: %s", strerror(errno));
    if (t->state == TRANSPORT_UP && (events & LOOP_OUT) != 0)
        t->events = LOOP_IN; /* until a write finds it full again */
}

static ssize_t tcp_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done = send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (done < 0 && errno != EAGAIN && errno != EINTR)
        return transport_fail(t, "the connection broke: %s", strerror(errno));
    if (done < 0)
        done = 0;
    if ((size_t)done < n)
        t->events = LOOP_IN | LOOP_OUT;
    t->written += (uint64_t)done;
    return done;
}

/* Bytes are under way and nothing at all has come back for 10 s. A peer whose window is closed
 * acknowledges our probes and has nothing under way: it is stalled, which is another matter. Not
 * by TCP_USER_TIMEOUT, since that would break a connection that such a peer is holding back. */
static bool acknowledges_nothing(const struct transport *t, int64_t now)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    return now - t->stuck_ns > DEADLINE_S * NS_PER_S &&
           getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && info.tcpi_unacked > 0 &&
           info.tcpi_last_ack_recv >= DEADLINE_S * 1000;
}

static void look_at_queue(struct transport *t, int64_t now)
{
    int queued = socket_queued(t->fd);
    uint64_t acked;

    if (queued < 0) {
        (void)transport_fail(t, "cannot ask for the send queue: %s", strerror(errno));
        return;
    }
    acked = (uint64_t)queued < t->written ? t->written - (uint64_t)queued : 0; /* see unix.c */
    if (queued == 0 || acked > t->acked)
        t->stuck_ns = 0;
    else if (t->stuck_ns == 0)
        t->stuck_ns = now;
    else if (acknowledges_nothing(t, now))
        (void)transport_fail(t, "has acknowledged nothing for %d s", DEADLINE_S);
    if (acked > t->acked)
        t->acked = acked;
}

static void tcp_update(struct transport *t)
{
    int64_t now = clock_mono();

    if (t->state == TRANSPORT_OPENING && now - t->opened_ns > DEADLINE_S * NS_PER_S) {
        t->failures++;
        (void)transport_fail(t, "does not answer within %d s", DEADLINE_S);
    }
    if (t->state == TRANSPORT_UP)
        look_at_queue(t, now);
}

const struct transport_kind transport_tcp = {
    .scheme = "tcp",
    .place = TRANSPORT_HOST,
    .by_closing = true,
    .open = tcp_open,
    .ready = tcp_ready,
    .write = tcp_write,
    .update = tcp_update,
};
