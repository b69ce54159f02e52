/* delivery/halfclose.c - a half-close that ends cleanly
 *
 * Every look is a few system calls on sockets that are ready; none of them can wait. A call that
 * fails where it cannot is an anomaly too: nothing is ever confirmed by default.
 */
#include "delivery/halfclose.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "delivery/transport.h"

static const int64_t SETTLE = 50 * NS_PER_MS, CANARY = 100 * NS_PER_MS;

static enum halfclose_result not_clean(struct halfclose *c, const char *what, int error)
{
    (void)why_set(&c->why, "%s%s%s", what, error != 0 ? ": " : "",
                  error != 0 ? strerror(error) : "");
    return HALFCLOSE_ANOMALY;
}

bool halfclose_begin(struct halfclose *c, int fd, int64_t now)
{
    int open;

    *c = (struct halfclose){.fd = fd, .began_ns = now};
    open = socket_discard(fd);
    if (open < 0)
        (void)not_clean(c, "the connection broke", errno);
    else if (open == 0 || !socket_established(fd))
        (void)not_clean(c, "the peer had closed before we did", 0);
    else if (shutdown(fd, SHUT_WR) < 0)
        (void)not_clean(c, "cannot half-close", errno);
    else
        return true;
    return false;
}

/* Rule 4. */
static enum halfclose_result look_for_rest(struct halfclose *c)
{
    int left = socket_queued(c->fd), error = socket_error(c->fd);

    if (error != 0)
        return not_clean(c, "the connection broke after the peer had closed it", error);
    if (left != 0)
        return not_clean(c, "the peer closed without having taken everything", 0);
    c->settled = true;
    return HALFCLOSE_WAIT;
}

static bool canary_lives(int canary)
{
    return canary >= 0 && socket_established(canary);
}

static enum halfclose_result look_for_end(struct halfclose *c, int canary, int64_t now)
{
    int open = socket_discard(c->fd);
    bool reset = open < 0 && errno == ECONNRESET;

    if (open > 0)
        return HALFCLOSE_WAIT;
    c->ended_ns = now;
    c->broken = open < 0;
    if (open == 0)
        return HALFCLOSE_WAIT;
    (void)not_clean(c, "the connection broke", errno);
    return reset && canary_lives(canary) ? HALFCLOSE_WAIT : HALFCLOSE_ANOMALY;
}

enum halfclose_result halfclose_look(struct halfclose *c, int canary, int64_t now)
{
    enum halfclose_result result = HALFCLOSE_WAIT;

    if (c->ended_ns == 0)
        return look_for_end(c, canary, now);
    if (!c->broken && !c->settled && now - c->ended_ns >= SETTLE)
        result = look_for_rest(c);
    if (result != HALFCLOSE_WAIT || now - c->ended_ns < CANARY)
        return result;
    if (c->broken) {
        c->reset = canary_lives(canary);
        return HALFCLOSE_ANOMALY;
    }
    if (!canary_lives(canary))
        return not_clean(c, "the next connection to the same peer ended with it", 0);
    return HALFCLOSE_CLEAN;
}

int64_t halfclose_due(const struct halfclose *c, int64_t now)
{
    int64_t at = c->ended_ns + (c->settled || c->broken ? CANARY : SETTLE);

    if (c->fd < 0 || c->ended_ns == 0)
        return -1;
    return at > now ? at - now : 0;
}
