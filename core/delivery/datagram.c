/* delivery/datagram.c - one write, one datagram
 *
 * Nothing here waits. What can be judged without knowing the kind is: no room (wait), too long
 * (lost, and logged), an interruption.
 */
#include "delivery/datagram.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

enum {
    DISCARDS = 16 /* reads in one look: a peer that floods us holds nobody up */
};

ssize_t datagram_send(struct transport *t, const void *p, size_t n)
{
    ssize_t done = -1;
    bool too_long;

    /* Twice: the first may but be the news that an earlier one was too long for the way. */
    for (int i = 0; i < 2 && done < 0 && (i == 0 || errno == EMSGSIZE); i++)
        done = send(t->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    too_long = done < 0 && errno == EMSGSIZE;
    if (too_long)
        log_warn("%s: a datagram of %zu bytes is too long for it and lost: lower "
                 "the sink's "
                 "max_packet",
                 t->uri, n);
    if (done >= 0 || too_long) { /* all of it: the kernel does not cut datagrams */
        t->acked = t->written += n;
        t->stuck_ns = 0;
        if (t->kind->by_silence)
            silence_sent(&t->silence, t->written, clock_mono());
        else
            t->confirmed = t->written;
        return (ssize_t)n;
    }
    if (errno == EAGAIN) {
        t->events = POLLIN | POLLOUT;
        if (t->stuck_ns == 0)
            t->stuck_ns = clock_mono();
    }
    /* A full device queue has no event: the worker asks again within a second. */
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
}

int datagram_ready(struct transport *t, short revents)
{
    char waste[2048];
    ssize_t n = 0;

    if ((revents & POLLOUT) != 0)
        t->events = POLLIN; /* until a write finds it full again */
    for (int i = 0; i < DISCARDS && n >= 0 && (revents & (POLLIN | POLLHUP | POLLERR)) != 0; i++)
        n = recv(t->fd, waste, sizeof waste, MSG_DONTWAIT);
    return n < 0 && errno != EAGAIN && errno != EINTR ? -1 : 0;
}
