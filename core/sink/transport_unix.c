/* sink/transport_unix.c - a stream over a Unix socket
 *
 * All is as over TCP (transport_tcp.c) but the opening, and what counts as acknowledged. There is no
 * kernel on the other side: SIOCOUTQ counts the memory of what the peer has not read yet, which is
 * never less than the bytes in it, so that acked is what the peer has read for certain. A peer that
 * goes away frees that memory, too: what was queued just before it was seen gone is not acked. The
 * path must be there and somebody must listen: otherwise it goes down, and is tried again.
 */
#include <poll.h>
#include <sys/socket.h>

#include "sink/transport.h"

static int unix_open(struct transport *t)
{
    int fd = transport_connect_path(t, SOCK_STREAM);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_OPENING, POLLOUT);
    return 0;
}

static void unix_ready(struct transport *t, short revents)
{
    transport_tcp.ready(t, revents);
}

static ssize_t unix_write(struct transport *t, const void *p, size_t n)
{
    return transport_tcp.write(t, p, n);
}

static bool peer_gone(const struct transport *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLRDHUP};

    return poll(&p, 1, 0) != 0;
}

static void unix_update(struct transport *t)
{
    uint64_t acked = t->acked;

    transport_tcp.update(t);
    if (t->acked > acked && peer_gone(t))
        t->acked = acked;
}

const struct transport_kind transport_unix = {
    .scheme = "unix",
    .by_closing = true,
    .open = unix_open,
    .ready = unix_ready,
    .write = unix_write,
    .update = unix_update,
    .close = transport_close,
};
