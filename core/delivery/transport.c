/* delivery/transport.c - what the kinds of transports share; it knows none of them */
#include "delivery/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

enum { DISCARDS = 16 /* reads in one look: a peer that floods us holds nobody up */ };

void transport_start(struct transport *t, int fd, enum transport_state state, uint32_t events)
{
    t->fd = fd;
    t->state = state;
    t->events = events;
    t->written = t->acked = t->confirmed = 0;
    t->opened_ns = t->looked_ns = clock_mono();
    t->stuck_ns = t->due_ns = 0;
    t->refused = false;
    t->why.text[0] = 0;
}

int transport_fail(struct transport *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    why_setv(&t->why, fmt, ap);
    va_end(ap);
    t->state = TRANSPORT_DOWN;
    return -1;
}

void transport_close(struct transport *t)
{
    if (t->kind->lent)
        t->fd = -1;
    fd_close(&t->fd);
    t->state = TRANSPORT_DOWN;
    t->events = 0;
}

/* --- a host's name and its addresses --- */

int transport_look_up(const struct transport *t, int type, struct addrinfo **list)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = type, .ai_flags = AI_NUMERICSERV};

    return getaddrinfo(t->host, t->port, &hints, list);
}

/* Tries the addresses in turn, beginning with the one after the last failure. -1 with errno. */
static int connect_any(struct transport *t, const struct addrinfo *list, void (*prepare)(int fd))
{
    t->addresses = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        t->addresses++;
    for (unsigned i = 0; i < t->addresses; i++, t->failures++) {
        const struct addrinfo *a = list;
        int fd;

        for (unsigned n = t->failures % t->addresses; n > 0; n--)
            a = a->ai_next;
        fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        prepare(fd);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR)
            return fd;
        fd_close(&fd);
    }
    return -1;
}

int transport_connect(struct transport *t, int type, void (*prepare)(int fd))
{
    struct addrinfo *list;
    int error = transport_look_up(t, type, &list), fd;

    if (error != 0)
        return transport_fail(t, "cannot look up \"%s\": %s", t->host,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    fd = connect_any(t, list, prepare);
    error = errno;
    freeaddrinfo(list);
    return fd >= 0 ? fd : transport_fail(t, "cannot connect: %s", strerror(error));
}

/* --- datagrams --- */

ssize_t transport_send_datagram(struct transport *t, const void *p, size_t n)
{
    ssize_t done = -1;

    /* Twice: the first may but be the news that an earlier one was too long for the way. */
    for (int i = 0; i < 2 && done < 0 && (i == 0 || errno == EMSGSIZE); i++)
        done = send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done >= 0 || errno == EMSGSIZE) { /* all of it: the kernel does not cut datagrams */
        if (done < 0)
            log_warn("%s: a datagram of %zu bytes is too long for it and lost: lower the sink's "
                     "max_packet",
                     t->uri, n);
        t->acked = t->written += n;
        t->stuck_ns = 0;
        if (!t->kind->by_silence)
            t->confirmed = t->written;
        return (ssize_t)n;
    }
    if (errno == EAGAIN) {
        t->events = LOOP_IN | LOOP_OUT;
        if (t->stuck_ns == 0)
            t->stuck_ns = clock_mono();
    }
    /* A full device queue has no event: the worker asks again within a second. */
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
}

int transport_datagram_ready(struct transport *t, uint32_t events)
{
    char waste[2048];
    ssize_t n = 0;

    if ((events & LOOP_OUT) != 0)
        t->events = LOOP_IN; /* until a write finds it full again */
    for (int i = 0; i < DISCARDS && n >= 0 && (events & (LOOP_IN | LOOP_HUP)) != 0; i++)
        n = recv(t->fd, waste, sizeof waste, MSG_DONTWAIT);
    return n < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
}

/* --- asked how it is --- */

int socket_error(int fd)
{
    int error = 0;
    socklen_t n = sizeof error;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

bool socket_established(int fd)
{
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        return info.tcpi_state == TCP_ESTABLISHED;
    return errno == EOPNOTSUPP && poll(&gone, 1, 0) == 0; /* a Unix socket */
}

int socket_queued(int fd)
{
    int n = 0;

    return ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

int socket_discard(int fd)
{
    char waste[4096];
    ssize_t n = 1;

    for (int i = 0; i < DISCARDS && n > 0; i++)
        n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    return n > 0 ? 1 : (int)n;
}
