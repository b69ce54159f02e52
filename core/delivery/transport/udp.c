/* delivery/transport/udp.c - datagrams that may be refused
 *
 * That nobody listens there is known only where the other machine, or one on the way, says so,
 * later and for some datagram before: so one counts as confirmed when a second has passed in which
 * nothing came back from that address (delivery/silence.h). An answer that does come (port, host or
 * network unreachable, prohibited) is a refusal: it goes down, and its owner sends what is not
 * confirmed to the next address. While it is on trial one datagram is sent, and more once its second
 * has passed: a host that has just said that nobody listens may say so again only a second later.
 *
 * Goes down, too, when the name cannot be looked up or there is no way there. May block in a name
 * look-up: at opening, and every 5 minutes, when it goes down if the address in use is no longer
 * among the name's.
 */
#include "delivery/transport/udp.h"

#include <errno.h>
#include <linux/errqueue.h> /* wants struct timespec */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

enum { ERRORS = 16 /* taken in one look */ };
static const int64_t LOOK_EVERY = 300 * NS_PER_S;

/* So that a host that is not there is an error, too: without it, only that nobody listens is. */
static void want_errors(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

static int udp_open(struct transport *t)
{
    int fd = transport_connect(t, SOCK_DGRAM, want_errors);

    if (fd < 0)
        return -1;
    transport_start(t, fd, TRANSPORT_UP, LOOP_IN);
    t->silence.n = 0;
    return 0;
}

/* --- refusals --- */

static bool peer_of(const struct transport *t, struct sockaddr_storage *peer, socklen_t *n)
{
    *n = sizeof *peer;
    memset(peer, 0, sizeof *peer);
    return getpeername(t->fd, (struct sockaddr *)peer, n) == 0;
}

/* This machine answers itself each time. */
static bool is_loopback(const struct sockaddr_storage *a)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
    const struct sockaddr_in *four = (const struct sockaddr_in *)a;

    if (a->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
    return a->ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int udp_refused(struct transport *t, int error)
{
    char host[INET6_ADDRSTRLEN] = "its address";
    struct sockaddr_storage peer;
    socklen_t n;

    if (peer_of(t, &peer, &n))
        (void)getnameinfo((struct sockaddr *)&peer, n, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    t->each_time = is_loopback(&peer);
    t->refused = true;
    t->failures++;
    if (error == ECONNREFUSED)
        return transport_fail(t, "nobody listens at %s", host);
    return transport_fail(t, "cannot send to %s: %s", host, strerror(error));
}

static int error_in(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        struct sock_extended_err e;

        if ((c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) &&
            (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_RECVERR))
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof e);
        return (int)e.ee_errno;
    }
    return 0;
}

/* What has come back: an error, or 0. That something was too long says nothing of the receiver. */
static int came_back(const struct transport *t)
{
    int error = socket_error(t->fd);

    for (int i = 0; i < ERRORS && (error == 0 || error == EMSGSIZE); i++) {
        _Alignas(struct cmsghdr) char control[512];
        struct msghdr m = {.msg_control = control, .msg_controllen = sizeof control};

        if (recvmsg(t->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        error = error_in(&m);
    }
    return error == EMSGSIZE ? 0 : error;
}

static ssize_t udp_write(struct transport *t, const void *p, size_t n)
{
    ssize_t done;

    if (t->trial && t->written > 0 && t->confirmed == 0)
        return 0;
    done = transport_send_datagram(t, p, n);
    if (done < 0)
        return udp_refused(t, errno);
    if (done > 0)
        silence_sent(&t->silence, t->written, clock_mono());
    t->due_ns = silence_due(&t->silence);
    return done;
}

static void udp_ready(struct transport *t, uint32_t events)
{
    int error = came_back(t);

    if (error == 0 && transport_datagram_ready(t, events) < 0)
        error = errno != EMSGSIZE ? errno : 0;
    if (error != 0)
        (void)udp_refused(t, error);
}

/* Errors first: we may have been stopped for longer than a second. */
static void look_for_silence(struct transport *t)
{
    int64_t now = clock_mono();
    int error = came_back(t);

    if (error != 0)
        (void)udp_refused(t, error);
    else if (silence_passed(&t->silence, now, &t->confirmed))
        t->trial = false;
    t->due_ns = silence_due(&t->silence);
}

/* --- the name --- */

/* A name that cannot be looked up now keeps its address. */
static void look_up_again(struct transport *t)
{
    struct sockaddr_storage peer;
    struct addrinfo *list;
    bool there = false;
    socklen_t n;

    if (transport_look_up(t, SOCK_DGRAM, &list) != 0)
        return;
    if (peer_of(t, &peer, &n)) {
        for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
            there |= a->ai_addrlen == n && memcmp(a->ai_addr, &peer, n) == 0;
        if (!there)
            (void)transport_fail(t, "\"%s\" has another address now", t->host);
    }
    freeaddrinfo(list);
}

static void udp_update(struct transport *t)
{
    if (t->silence.n > 0)
        look_for_silence(t);
    if (t->state != TRANSPORT_UP || clock_mono() - t->looked_ns < LOOK_EVERY)
        return;
    look_up_again(t);
    t->looked_ns = clock_mono();
}

const struct transport_kind transport_udp = {
    .scheme = "udp",
    .place = TRANSPORT_HOST,
    .by_silence = true,
    .packet = 1432, /* into an Ethernet frame, with room for tunnels */
    .open = udp_open,
    .ready = udp_ready,
    .write = udp_write,
    .update = udp_update,
};
