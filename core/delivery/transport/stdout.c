/* delivery/transport/stdout.c - standard output
 *
 * It is not ours to make non-blocking, since that would change it for everybody who shares it. So
 * it is asked before each piece whether it takes bytes, and a piece is at most PIPE_BUF, which a
 * pipe that is ready takes whole. What was written counts as arrived. Goes down when nobody reads
 * it any more.
 */
#include "delivery/transport/stdout.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static int out = STDOUT_FILENO;

void transport_stdout_is(int fd)
{
    out = fd;
}

/* 1: now; 0: later; -1: DOWN, and why. */
static int takes_bytes(struct transport *t)
{
    struct pollfd p = {.fd = out, .events = POLLOUT};

    if (poll(&p, 1, 0) < 0 && errno != EINTR)
        return transport_fail(t, "cannot poll: %s", strerror(errno));
    if ((p.revents & POLLNVAL) != 0)
        return transport_fail(t, "is closed");
    if ((p.revents & (POLLERR | POLLHUP)) != 0)
        return transport_fail(t, "nobody reads it any more");
    return (p.revents & POLLOUT) != 0;
}

static int stdout_open(struct transport *t)
{
    if (takes_bytes(t) < 0)
        return -1;
    transport_start(t, out, TRANSPORT_UP, 0);
    return 0;
}

static void stdout_ready(struct transport *t, uint32_t events)
{
    (void)events;
    if (takes_bytes(t) > 0)
        t->events = 0;
}

static ssize_t write_piece(struct transport *t, const char *p, size_t n)
{
    ssize_t done = takes_bytes(t);

    if (done <= 0)
        return done;
    done = write(out, p, n < PIPE_BUF ? n : PIPE_BUF);
    if (done < 0 && errno == EPIPE)
        return transport_fail(t, "nobody reads it any more");
    if (done < 0 && errno != EAGAIN && errno != EINTR)
        return transport_fail(t, "cannot write: %s", strerror(errno));
    return done < 0 ? 0 : done;
}

static ssize_t stdout_write(struct transport *t, const void *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t piece = write_piece(t, (const char *)p + done, n - done);

        if (piece < 0)
            return -1;
        if (piece == 0) {
            t->events = LOOP_OUT;
            break;
        }
        done += (size_t)piece;
        t->written += (uint64_t)piece;
        t->acked = t->confirmed = t->written;
    }
    return (ssize_t)done;
}

const struct transport_kind transport_stdout = {
    .scheme = "stdout",
    .place = TRANSPORT_NOWHERE,
    .lent = true,
    .open = stdout_open,
    .ready = stdout_ready,
    .write = stdout_write,
};
