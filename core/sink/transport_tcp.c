/* sink/transport_tcp.c - a TCP connection that never waits but for the name look-up
 *
 * acked is what the peer's kernel has acknowledged: written less SIOCOUTQ. confirmed equals acked
 * for now: that the peer has read it takes the confirm rule (rotate, half-close, wait for the FIN),
 * which comes with a later version. Goes down with a reason when the connect fails or takes 10 s,
 * the peer closes or resets, or a dead peer acknowledges nothing for 10 s (TCP_USER_TIMEOUT,
 * keep-alive when idle). After an error acked is not refreshed: what was not acknowledged before
 * counts as lost and is sent again. What a peer sends is read and thrown away.
 */
#include "sink/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spawn.h"

enum {
    DEADLINE_S = 10,
    DISCARDS = 16 /* reads in one turn: a peer that floods us holds nobody up */
};

/* Best effort: a connection without one of these works, and only notices a dead peer later. */
static void set_options(int fd)
{
    int on = 1, idle_s = DEADLINE_S, count = 2;
    unsigned user_ms = DEADLINE_S * 1000;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_ms, sizeof user_ms);
}

/* A socket that is connected or connecting, or -1 with errno. */
static int begin_connect(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

    if (fd < 0)
        return -1;
    set_options(fd);
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS && errno != EINTR)
        close_fd(&fd);
    return fd;
}

static const struct addrinfo *nth(const struct addrinfo *list, unsigned n)
{
    while (n-- > 0)
        list = list->ai_next;
    return list;
}

/* Tries the addresses in turn, beginning with the one after the last failure. */
static int connect_any(struct transport *t, const struct addrinfo *list)
{
    unsigned n = 0;
    int fd;

    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        n++;
    for (unsigned i = 0; i < n; i++) {
        fd = begin_connect(nth(list, t->failures % n));
        if (fd >= 0)
            return fd;
        t->failures++;
    }
    return -1;
}

static int tcp_open(struct transport *t)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list;
    int error = getaddrinfo(t->host, t->port, &hints, &list), fd;

    if (error != 0)
        return transport_fail(t, "cannot look up \"%s\": %s", t->host,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    fd = connect_any(t, list);
    error = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return transport_fail(t, "cannot connect: %s", strerror(error));
    transport_start(t, fd, TRANSPORT_OPENING, POLLOUT);
    return 0;
}

static int socket_error(const struct transport *t)
{
    int error = 0;
    socklen_t n = sizeof error;

    return getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

static void finish_connect(struct transport *t)
{
    int error = socket_error(t);

    if (error != 0) {
        t->failures++;
        (void)transport_fail(t, "cannot connect: %s", strerror(error));
        return;
    }
    t->state = TRANSPORT_UP;
    t->events = POLLIN | POLLOUT;
}

static void discard(struct transport *t)
{
    char waste[4096];
    ssize_t n = 1;

    for (int i = 0; i < DISCARDS && n > 0; i++)
        n = recv(t->fd, waste, sizeof waste, MSG_DONTWAIT);
    if (n == 0)
        (void)transport_fail(t, "closed by the peer");
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        (void)transport_fail(t, "the connection broke: %s", strerror(errno));
}

static void tcp_ready(struct transport *t, short revents)
{
    if (t->state == TRANSPORT_OPENING && (revents & (POLLOUT | POLLHUP | POLLERR)) != 0)
        finish_connect(t);
    else if (t->state == TRANSPORT_UP && (revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        discard(t);
    if (t->state == TRANSPORT_UP && (revents & POLLOUT) != 0)
        t->events = POLLIN; /* until a write finds it full again */
}

static ssize_t tcp_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done = send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (done < 0 && errno != EAGAIN && errno != EINTR)
        return transport_fail(t, "the connection broke: %s", strerror(errno));
    if (done < 0)
        done = 0;
    if ((size_t)done < n)
        t->events = POLLIN | POLLOUT;
    t->written += (uint64_t)done;
    return done;
}

static void tcp_update(struct transport *t)
{
    int queued = 0;

    if (t->state == TRANSPORT_OPENING && clock_mono() - t->opened_ns > DEADLINE_S * NS_PER_S) {
        t->failures++;
        (void)transport_fail(t, "does not answer within %d s", DEADLINE_S);
    }
    if (t->state != TRANSPORT_UP)
        return;
    if (ioctl(t->fd, SIOCOUTQ, &queued) < 0)
        (void)transport_fail(t, "cannot ask for the send queue: %s", strerror(errno));
    else if (queued >= 0 && (uint64_t)queued <= t->written &&
             t->written - (uint64_t)queued > t->acked)
        t->acked = t->confirmed = t->written - (uint64_t)queued;
}

const struct transport_kind transport_tcp = {
    .scheme = "tcp",
    .open = tcp_open,
    .ready = tcp_ready,
    .write = tcp_write,
    .update = tcp_update,
    .close = transport_close,
};
