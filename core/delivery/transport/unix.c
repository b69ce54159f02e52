/* delivery/transport/unix.c - a stream within this machine
 *
 * All is as over TCP (tcp.c) but the opening, and what counts as acknowledged. There is no
 * kernel on the other side: SIOCOUTQ counts the memory of what the peer has not read yet, which is
 * never less than the bytes in it, so that acked is what the peer has read for certain. A peer that
 * goes away frees that memory, too: what was queued just before it was seen gone is not acked. The
 * path must be there and somebody must listen: otherwise it goes down, and is tried again.
 *
 * It also goes down when the path names another socket: the receiver was started anew, and what holds
 * this connection may be a process that does not read. Before that nothing more is written, so that a
 * peer that does read is left with everything read, and nothing has to be sent twice.
 */
#include "delivery/transport/unix.h"

#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery/socket.h"
#include "delivery/transport/tcp.h"

static const int64_t LOOK_EVERY = NS_PER_S;
static const int64_t DRAIN = 3 * NS_PER_S; /* for the one whose place was taken, to read it all */

static int unix_open(struct transport *t)
{
    int fd = socket_to_path(t, SOCK_STREAM);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_OPENING, POLLOUT);
    return 0;
}

static void unix_ready(struct transport *t, short revents)
{
    transport_tcp.ready(t, revents);
}

static bool place_taken(struct transport *t, int64_t now)
{
    if (t->replaced_ns == 0 && socket_path_names(t) == SOCKET_PATH_OTHER)
        t->replaced_ns = now;
    return t->replaced_ns != 0;
}

static void leave_when_read(struct transport *t, int64_t now)
{
    if (t->acked == t->written || now - t->replaced_ns >= DRAIN)
        (void)transport_fail(t, "another socket has taken its place");
}

static ssize_t unix_write(struct transport *t, const void *p, size_t n)
{
    int64_t now = clock_mono();

    if (!place_taken(t, now))
        return transport_tcp.write(t, p, n);
    leave_when_read(t, now);
    return t->state == TRANSPORT_UP ? 0 : -1;
}

static void unix_update(struct transport *t)
{
    uint64_t acked = t->acked;
    int64_t now = clock_mono();

    transport_tcp.update(t);
    if (t->acked > acked && !socket_established(t->fd))
        t->acked = acked;
    if (t->state != TRANSPORT_UP || (t->replaced_ns == 0 && now - t->looked_ns < LOOK_EVERY))
        return;
    t->looked_ns = now;
    if (place_taken(t, now))
        leave_when_read(t, now);
}

const struct transport_kind transport_unix = {
    .scheme = "unix",
    .place = TRANSPORT_PATH,
    .by_closing = true,
    .open = unix_open,
    .ready = unix_ready,
    .write = unix_write,
    .update = unix_update,
    .close = transport_close,
};
