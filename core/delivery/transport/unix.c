/* delivery/transport/unix.c - a stream, or datagrams, within this machine
 *
 * The path must be there and somebody must listen: otherwise it goes down, and is tried again. A receiver
 * that is started anew takes the path, and leaves the old socket to whoever still holds it, and may not
 * read. So the path is looked at.
 *
 * A stream is as over TCP (tcp.c) but for the opening, and what counts as acknowledged. There is no
 * kernel on the other side: SIOCOUTQ counts the memory of what the peer has not read yet, which is
 * never less than the bytes in it, so that acked is what the peer has read for certain. A peer that
 * goes away frees that memory, too: what was queued just before it was seen gone is not acked. It goes
 * down when the path names another socket. Before that nothing more is written, so that a peer that does
 * read is left with everything read, and nothing has to be sent twice.
 *
 * A datagram that the kernel took is in the receiver's queue, and counts as confirmed; what the receiver
 * has not read when it ends is lost. A full queue is waited for. Before each one the path is looked at,
 * and connected to again where it names another socket.
 */
#include "delivery/transport/unix.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"
#include "delivery/transport/tcp.h"

static const int64_t LOOK_EVERY = NS_PER_S;
static const int64_t DRAIN = 3 * NS_PER_S; /* for the one whose place was taken, to read it all */

/* --- the path --- */

/* Anew if need be (datagrams only). 0, or -1, DOWN and `why`. */
static int connect_path(struct transport *t, int fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(t->path);
    struct stat there = {0};

    if (n >= sizeof a.sun_path)
        return transport_fail(t, "the path of a socket has at most %zu bytes",
                              sizeof a.sun_path - 1);
    memcpy(a.sun_path, t->path, n);
    /* Looked at before it is connected to: what takes its place in between is found to be another
     * one at the next look. */
    (void)stat(t->path, &there);
    t->socket.dev = there.st_dev;
    t->socket.ino = there.st_ino;
    t->socket.replaced_ns = 0;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return 0;
    return transport_fail(t, "cannot connect: %s", strerror(errno));
}

static int open_path_of(struct transport *t, int type, enum transport_state state, uint32_t events)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return transport_fail(t, "cannot make a socket: %s", strerror(errno));
    if (connect_path(t, fd) < 0) {
        fd_close(&fd);
        return -1;
    }
    transport_start(t, fd, state, events);
    return 0;
}

/* What the path names now, compared with what it named when it was connected to. */
static enum {
    SAME,
    OTHER,
    NOTHING /* or it cannot be seen */
} look_at_path(const struct transport *t)
{
    struct stat there;

    if (stat(t->path, &there) < 0)
        return NOTHING;
    return there.st_dev == t->socket.dev && there.st_ino == t->socket.ino ? SAME : OTHER;
}

/* --- a stream --- */

static int unix_open(struct transport *t)
{
    return open_path_of(t, SOCK_STREAM, TRANSPORT_OPENING, LOOP_OUT);
}

static void unix_ready(struct transport *t, uint32_t events)
{
    transport_tcp.ready(t, events);
}

static bool place_taken(struct transport *t, int64_t now)
{
    if (t->socket.replaced_ns == 0 && look_at_path(t) == OTHER)
        t->socket.replaced_ns = now;
    return t->socket.replaced_ns != 0;
}

static void leave_when_read(struct transport *t, int64_t now)
{
    if (t->acked == t->written || now - t->socket.replaced_ns >= DRAIN)
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
    if (t->state != TRANSPORT_UP || (t->socket.replaced_ns == 0 && now - t->looked_ns < LOOK_EVERY))
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
};

/* --- datagrams --- */

static int unixgram_open(struct transport *t)
{
    return open_path_of(t, SOCK_DGRAM, TRANSPORT_UP, LOOP_IN);
}

static ssize_t unixgram_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done;

    if (look_at_path(t) != SAME && connect_path(t, t->fd) < 0)
        return -1;
    done = transport_send_datagram(t, p, n);
    return done >= 0 ? done : transport_fail(t, "the receiver has gone: %s", strerror(errno));
}

static void unixgram_ready(struct transport *t, uint32_t events)
{
    if (transport_datagram_ready(t, events) < 0)
        (void)transport_fail(t, "the receiver has gone: %s", strerror(errno));
}

const struct transport_kind transport_unixgram = {
    .scheme = "unixgram",
    .place = TRANSPORT_PATH,
    .packet = 8192,
    .open = unixgram_open,
    .ready = unixgram_ready,
    .write = unixgram_write,
};
