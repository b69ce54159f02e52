/* delivery/halfclose.c: each of the five conditions, on real sockets over the loopback; and that nothing
 * but all of them confirms. Simulated is only the time between two looks. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "delivery/halfclose.h"
#include "delivery/transport.h"

static int listener, ours, theirs, canary, canary_peer;
static struct halfclose c;
static int64_t now;

static void connect_pair(int *a, int *b)
{
    struct sockaddr_in at;
    socklen_t n = sizeof at;

    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    *a = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(*a, (struct sockaddr *)&at, n), 0);
    *b = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(*b, 0);
}

static void setup(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(listener, 8), 0);
    connect_pair(&ours, &theirs);
    connect_pair(&canary, &canary_peer);
    now = clock_mono();
    c = (struct halfclose){.fd = -1};
}

static void teardown(void)
{
    const int fds[] = {theirs, canary, canary_peer, listener};

    fd_close(&c.fd);
    cr_assert_eq(c.fd, -1);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

TestSuite(halfclose, .init = setup, .fini = teardown, .timeout = 60);

static void put(const char *text)
{
    cr_assert_eq(send(ours, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void peer_reads(const char *text)
{
    char got[64];

    cr_assert_eq(recv(theirs, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
    cr_assert_eq(memcmp(got, text, strlen(text)), 0);
}

static void peer_closes(void)
{
    cr_assert_eq(close(theirs), 0);
    theirs = -1;
}

/* As the kernel does for a process that is killed with bytes unread. */
static void resets(int *fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    cr_assert_eq(setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
    close(*fd);
    *fd = -1;
}

/* Until `fd` is told something. */
static void told(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    cr_assert_eq(poll(&p, 1, 20000), 1);
}

static void begins(void)
{
    cr_assert(halfclose_begin(&c, ours, now), "%s", c.why.text);
}

static enum halfclose_result look(int64_t after_ms)
{
    now += after_ms * NS_PER_MS;
    return halfclose_look(&c, canary, now);
}

static void told_of_end(void)
{
    told(ours);
    cr_assert_eq(halfclose_due(&c, now), -1);
    cr_assert_eq(look(0), HALFCLOSE_WAIT);
    cr_assert_eq(c.ended_ns, now);
}

Test(halfclose, a_clean_end)
{
    put("a 1 1\n");
    begins();
    peer_reads("a 1 1\n");
    cr_assert_eq(look(0), HALFCLOSE_WAIT);
    peer_closes();
    told_of_end();
    cr_assert_eq(halfclose_due(&c, now), 50 * NS_PER_MS);
    cr_assert_eq(look(49), HALFCLOSE_WAIT);
    cr_assert(!c.settled);
    cr_assert_eq(look(1), HALFCLOSE_WAIT);
    cr_assert(c.settled);
    cr_assert_eq(halfclose_due(&c, now), 50 * NS_PER_MS);
    cr_assert_eq(look(49), HALFCLOSE_WAIT);
    cr_assert_eq(look(1), HALFCLOSE_CLEAN);
    cr_assert_not(c.reset);
}

/* What the peer says in between is thrown away, however much. */
Test(halfclose, a_talking_peer_that_ends_cleanly)
{
    static char talk[200000];
    int end = 0;

    cr_assert_eq(fcntl(theirs, F_SETFL, O_NONBLOCK), 0);
    cr_assert_gt(send(theirs, talk, sizeof talk, 0), 0);
    begins();
    peer_closes();
    while (c.ended_ns == 0) {
        cr_assert_lt(end++, 1000);
        told(ours);
        cr_assert_eq(look(0), HALFCLOSE_WAIT, "%s", c.why.text);
    }
    cr_assert_eq(look(50), HALFCLOSE_WAIT);
    cr_assert_eq(look(50), HALFCLOSE_CLEAN);
}

/* --- condition 2: just before the half-close --- */

Test(halfclose, closed_before_we_did)
{
    put("a\n");
    peer_reads("a\n");
    peer_closes();
    told(ours);
    cr_assert_not(halfclose_begin(&c, ours, now));
    cr_assert_str_eq(c.why.text, "the peer had closed before we did");
}

Test(halfclose, closed_before_we_did_behind_much_talk)
{
    static char talk[100000]; /* more than one look discards */

    cr_assert_eq(send(theirs, talk, sizeof talk, 0), (ssize_t)sizeof talk);
    peer_closes();
    while (recv(ours, talk, 1, MSG_PEEK) == 1 && socket_established(ours))
        (void)poll(NULL, 0, 1);
    cr_assert_not(halfclose_begin(&c, ours, now));
    cr_assert_str_eq(c.why.text, "the peer had closed before we did");
}

Test(halfclose, broken_before_we_closed)
{
    put("a\n");
    resets(&theirs);
    told(ours);
    cr_assert_not(halfclose_begin(&c, ours, now));
    cr_assert_str_eq(c.why.text, "the connection broke: Connection reset by peer");
}

/* send() has eaten the reset: recv() then returns 0, as if all were well. */
Test(halfclose, a_reset_that_send_has_eaten)
{
    char end;

    resets(&theirs);
    told(ours);
    cr_assert_eq(send(ours, "a", 1, MSG_NOSIGNAL), -1);
    cr_assert_eq(errno, ECONNRESET);
    cr_assert_eq(recv(ours, &end, 1, MSG_DONTWAIT | MSG_PEEK), 0);
    cr_assert_not(halfclose_begin(&c, ours, now));
    cr_assert_str_eq(c.why.text, "the peer had closed before we did");
}

/* --- condition 3: then the FIN --- */

/* A killed process takes both connections with it: no habit. */
Test(halfclose, killed_with_bytes_unread)
{
    put("a 1 1\n");
    begins();
    resets(&theirs);
    resets(&canary_peer);
    told(ours);
    told(canary);
    cr_assert_eq(look(0), HALFCLOSE_ANOMALY);
    cr_assert_str_eq(c.why.text, "the connection broke: Connection reset by peer");
    cr_assert_not(c.reset);
}

/* One after the other, as the kernel does it: the canary is looked at again. */
Test(halfclose, killed_and_the_canary_a_moment_later)
{
    put("a 1 1\n");
    begins();
    resets(&theirs);
    told_of_end();
    resets(&canary_peer);
    told(canary);
    cr_assert_eq(halfclose_due(&c, now), 100 * NS_PER_MS);
    cr_assert_eq(look(50), HALFCLOSE_WAIT);
    cr_assert_eq(look(50), HALFCLOSE_ANOMALY);
    cr_assert_not(c.reset);
    cr_assert_str_eq(c.why.text, "the connection broke: Connection reset by peer");
}

Test(halfclose, reset_by_a_peer_that_lives)
{
    put("a 1 1\n");
    begins();
    peer_reads("a 1 1\n");
    resets(&theirs);
    told_of_end();
    cr_assert_eq(look(99), HALFCLOSE_WAIT);
    cr_assert_eq(look(1), HALFCLOSE_ANOMALY);
    cr_assert(c.reset);
    cr_assert_str_eq(c.why.text, "the connection broke: Connection reset by peer");
}

Test(halfclose, a_timeout_stays_a_wait)
{
    put("a 1 1\n");
    begins();
    for (int hours = 0; hours < 100; hours++)
        cr_assert_eq(look(3600 * 1000), HALFCLOSE_WAIT);
    cr_assert_eq(halfclose_due(&c, now), -1);
    while (socket_queued(c.fd) != 0) /* by the kernel: which confirms nothing */
        (void)poll(NULL, 0, 1);
    cr_assert_eq(socket_queued(c.fd), 0);
    cr_assert_eq(look(3600 * 1000), HALFCLOSE_WAIT);
    peer_reads("a 1 1\n");
    peer_closes();
    told_of_end();
    cr_assert_eq(look(50), HALFCLOSE_WAIT);
    cr_assert_eq(look(50), HALFCLOSE_CLEAN);
}

/* --- condition 4: nothing left, no error --- */

/* More than the peer's kernel takes: until nothing has moved for 20 ms. */
static void fill(void)
{
    static char block[1 << 16];

    for (int full = 0; full < 20; full++) {
        while (send(ours, block, sizeof block, MSG_DONTWAIT) > 0)
            full = 0;
        (void)poll(NULL, 0, 1);
    }
}

/* The peer gives its FIN with the window closed: its kernel does not even have everything. */
Test(halfclose, closed_without_having_taken_everything)
{
    fill();
    begins();
    cr_assert_eq(shutdown(theirs, SHUT_WR), 0);
    told_of_end();
    cr_assert_gt(socket_queued(c.fd), 0);
    cr_assert_eq(look(50), HALFCLOSE_ANOMALY);
    cr_assert_str_eq(c.why.text, "the peer closed without having taken everything");
}

/* A FIN, and a reset behind it. */
Test(halfclose, broken_after_the_fin)
{
    struct pollfd p = {.fd = ours};

    fill();
    begins();
    cr_assert_eq(shutdown(theirs, SHUT_WR), 0);
    told_of_end();
    resets(&theirs);
    cr_assert_eq(poll(&p, 1, 20000), 1);
    cr_assert(p.revents & POLLERR);
    cr_assert_eq(look(50), HALFCLOSE_ANOMALY);
    cr_assert_eq(strncmp(c.why.text, "the connection broke after the peer had closed it: ", 51), 0,
                 "%s", c.why.text);
}

/* --- condition 5: the canary --- */

/* A carbon-cache that is being stopped: a FIN like any other, with everything unread. Only that it
 * closes its other connections as well gives it away. */
Test(halfclose, shut_down_with_bytes_unread)
{
    put("a 1 1\n");
    begins();
    while (socket_queued(c.fd) != 0)
        (void)poll(NULL, 0, 1);
    cr_assert_eq(shutdown(theirs, SHUT_RDWR), 0);
    told_of_end();
    cr_assert_eq(look(50), HALFCLOSE_WAIT);
    cr_assert_eq(shutdown(canary_peer, SHUT_RDWR), 0);
    told(canary);
    cr_assert_eq(look(50), HALFCLOSE_ANOMALY);
    cr_assert_str_eq(c.why.text, "the next connection to the same peer ended with it");
    cr_assert_not(c.reset);
}

Test(halfclose, nothing_without_a_canary)
{
    begins();
    peer_closes();
    told_of_end();
    now += 100 * NS_PER_MS;
    cr_assert_eq(halfclose_look(&c, -1, now), HALFCLOSE_ANOMALY);
}

/* --- discarding --- */

Test(halfclose, discards)
{
    cr_assert_eq(socket_discard(ours), 1);
    cr_assert_eq(send(theirs, "why?", 4, 0), 4);
    told(ours);
    cr_assert_eq(socket_discard(ours), 1);
    peer_closes();
    told(ours);
    cr_assert_eq(socket_discard(ours), 0);
    cr_assert_not(socket_established(ours));
    close(ours);
    cr_assert_eq(socket_discard(ours), -1);
    cr_assert_eq(errno, EBADF);
    cr_assert_not(socket_established(ours));
}
