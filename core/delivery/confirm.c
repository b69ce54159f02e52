/* delivery/confirm.c - what proves that a peer has read everything
 *
 * Every look is a few system calls on sockets that are ready; none of them can wait. A call that
 * fails where it cannot is an anomaly too: nothing is ever confirmed by default.
 */
#include "delivery/confirm.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"

enum { DISCARDS = 16 /* reads in one look: a peer that floods us holds nobody up */ };
static const int64_t SETTLE = 50 * NS_PER_MS, CANARY = 100 * NS_PER_MS;

static enum confirm_result anomaly(struct confirm *c, const char *what, int error)
{
    (void)snprintf(c->why, sizeof c->why, "%s%s%s", what, error != 0 ? ": " : "",
                   error != 0 ? strerror(error) : "");
    return CONFIRM_ANOMALY;
}

int confirm_discard(int fd)
{
    char waste[4096];
    ssize_t n = 1;

    for (int i = 0; i < DISCARDS && n > 0; i++)
        n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    return n > 0 ? 1 : (int)n;
}

bool confirm_established(int fd)
{
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        return info.tcpi_state == TCP_ESTABLISHED;
    return errno == EOPNOTSUPP && poll(&gone, 1, 0) == 0; /* a Unix socket */
}

/* The FIN that is ours counts as one more while it is not acknowledged. */
static int queued(int fd)
{
    int n = 0;

    return ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

bool confirm_acknowledged(const struct confirm *c)
{
    return queued(c->fd) == 0;
}

uint64_t confirm_queued(const struct confirm *c)
{
    int n = queued(c->fd);

    return n > 0 ? (uint64_t)n : 0;
}

bool confirm_begin(struct confirm *c, int fd, int64_t now)
{
    int open;

    *c = (struct confirm){.fd = fd, .began_ns = now};
    open = confirm_discard(fd);
    if (open < 0)
        (void)anomaly(c, "the connection broke", errno);
    else if (open == 0 || !confirm_established(fd))
        (void)anomaly(c, "the peer had closed before we did", 0);
    else if (shutdown(fd, SHUT_WR) < 0)
        (void)anomaly(c, "cannot half-close", errno);
    else
        return true;
    return false;
}

static enum confirm_result settle(struct confirm *c)
{
    int error = 0, left = queued(c->fd);
    socklen_t n = sizeof error;

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    if (error != 0)
        return anomaly(c, "the connection broke after the peer had closed it", error);
    if (left != 0)
        return anomaly(c, "the peer closed without having taken everything", 0);
    c->settled = true;
    return CONFIRM_WAIT;
}

static bool alive(int canary)
{
    return canary >= 0 && confirm_established(canary);
}

static enum confirm_result wait_for_end(struct confirm *c, int canary, int64_t now)
{
    int open = confirm_discard(c->fd);
    bool reset = open < 0 && errno == ECONNRESET;

    if (open > 0)
        return CONFIRM_WAIT;
    c->ended_ns = now;
    c->broken = open < 0;
    if (open == 0)
        return CONFIRM_WAIT;
    (void)anomaly(c, "the connection broke", errno);
    return reset && alive(canary) ? CONFIRM_WAIT : CONFIRM_ANOMALY;
}

enum confirm_result confirm_look(struct confirm *c, int canary, int64_t now)
{
    enum confirm_result result = CONFIRM_WAIT;

    if (c->ended_ns == 0)
        return wait_for_end(c, canary, now);
    if (!c->broken && !c->settled && now - c->ended_ns >= SETTLE)
        result = settle(c);
    if (result != CONFIRM_WAIT || now - c->ended_ns < CANARY)
        return result;
    if (c->broken) {
        c->reset = alive(canary);
        return CONFIRM_ANOMALY;
    }
    if (!alive(canary))
        return anomaly(c, "the next connection to the same peer ended with it", 0);
    return CONFIRM_CLEAN;
}

int64_t confirm_due(const struct confirm *c, int64_t now)
{
    int64_t at = c->ended_ns + (c->settled || c->broken ? CANARY : SETTLE);

    if (c->fd < 0 || c->ended_ns == 0)
        return -1;
    return at > now ? at - now : 0;
}

void confirm_close(struct confirm *c)
{
    fd_close(&c->fd);
}
