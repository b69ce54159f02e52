/* sink/transport_udp.c - datagrams to a host and port
 *
 * UDP promises nothing: what the kernel took counts as confirmed. That nobody listens there is
 * heard of only where the other machine says so, later and for some datagram before: it is counted,
 * told once in the log, and sending goes on. Goes down with a reason when the name cannot be looked
 * up or there is no way there. May block in a name look-up: at opening, and every 5 minutes, when it
 * goes down if the address in use is no longer among the name's.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "sink/datagram.h"

enum { ATTEMPTS = 3 /* to send one: each error of an earlier one stands in its way once */ };
static const int64_t LOOK_EVERY = 300 * NS_PER_S;
static const int64_t QUIET = 60 * NS_PER_S; /* without a refusal: it is over */

static int look_up(const struct transport *t, struct addrinfo **list)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};

    return getaddrinfo(t->host, t->port, &hints, list);
}

/* A socket connected to the first address that there is a way to, or -1 with errno. */
static int connect_any(const struct addrinfo *list)
{
    int fd = -1;

    for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
        fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) < 0)
            close_fd(&fd);
    }
    return fd;
}

static int udp_open(struct transport *t)
{
    struct addrinfo *list;
    int error = look_up(t, &list), fd;

    if (error != 0)
        return transport_fail(t, "cannot look up \"%s\": %s", t->host,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    fd = connect_any(list);
    error = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return transport_fail(t, "cannot connect: %s", strerror(error));
    transport_start(t, fd, TRANSPORT_UP, POLLIN);
    return 0;
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refused(struct transport *t)
{
    if (t->refused_ns == 0)
        log_warn("%s: nobody listens there; what is sent meanwhile is lost", t->uri);
    t->refused++;
    t->refused_ns = clock_mono();
}

static void forget_refusals(struct transport *t, int64_t now)
{
    if (t->refused_ns == 0 || now - t->refused_ns < QUIET)
        return;
    log_info("%s: has refused nothing for a minute, after %" PRIu64 " datagrams", t->uri,
             t->refused);
    t->refused = 0;
    t->refused_ns = 0;
}

/* True when the error is but the news of an earlier datagram. */
static bool about_an_earlier_one(struct transport *t)
{
    if (errno == ECONNREFUSED) {
        refused(t);
        return true;
    }
    (void)transport_fail(t, "cannot send: %s", strerror(errno));
    return false;
}

static ssize_t udp_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done = -1;

    for (int i = 0; i < ATTEMPTS && done < 0; i++) {
        done = datagram_send(t, p, n);
        if (done < 0 && !about_an_earlier_one(t))
            return -1;
    }
    return done > 0 ? done : 0;
}

static void udp_ready(struct transport *t, short revents)
{
    if (datagram_ready(t, revents) < 0)
        (void)about_an_earlier_one(t);
}

/* ---- the name -------------------------------------------------------------------------------- */

static bool is_among(const struct addrinfo *list, const struct sockaddr_storage *peer, socklen_t n)
{
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        if (a->ai_addrlen == n && memcmp(a->ai_addr, peer, n) == 0)
            return true;
    return false;
}

/* A name that cannot be looked up now keeps its address. */
static void look_again(struct transport *t)
{
    struct sockaddr_storage peer = {0};
    socklen_t n = sizeof peer;
    struct addrinfo *list;

    if (look_up(t, &list) != 0)
        return;
    if (getpeername(t->fd, (struct sockaddr *)&peer, &n) == 0 && !is_among(list, &peer, n))
        (void)transport_fail(t, "\"%s\" has another address now", t->host);
    freeaddrinfo(list);
}

static void udp_update(struct transport *t)
{
    int64_t now = clock_mono();

    forget_refusals(t, now);
    if (now - t->looked_ns < LOOK_EVERY)
        return;
    look_again(t);
    t->looked_ns = clock_mono();
}

const struct transport_kind transport_udp = {
    .scheme = "udp",
    .packet = 1432, /* into an Ethernet frame, with room for tunnels */
    .open = udp_open,
    .ready = udp_ready,
    .write = udp_write,
    .update = udp_update,
    .close = transport_close,
};
