/* tests/rig/worker_peer.h - where a worker under test delivers to: a file, or a peer that reads, counts and
 * fails as it is told */
#ifndef WORKER_PEER_H
#define WORKER_PEER_H
#include <arpa/inet.h>
#include <netinet/in.h>

#include "rig/worker_rig.h"

static inline const char *file_uri(void)
{
    return arena_printf(&k.arena, "file://%s/out", k.dir);
}

/* What the plugin graphite makes of metrics from..to-1. */
static inline const char *lines(uint64_t from, uint64_t to)
{
    struct buf b = {0};
    const char *text;

    for (uint64_t i = from; i < to; i++)
        buf_putf(&b, "m.%llu %llu 1700000000\n", (unsigned long long)i, (unsigned long long)i);
    text = arena_strndup(&k.arena, b.n > 0 ? b.p : "", b.n);
    buf_free(&b);
    return text;
}

static inline void arrived(const char *want)
{
    const char *got = out();

    cr_assert(strcmp(got, want) == 0, "%zu bytes instead of %zu", strlen(got), strlen(want));
}

/* A socket bound to a free port, not listening yet. */
static inline int bound(const char **uri)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *uri = arena_printf(&k.arena, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    return fd;
}

/* The receiving side: a listener, and the connections it has, each read to its end and then closed,
 * as a good peer does. Counts each of our metrics in seen[]. */
enum { CONNECTIONS = 8, TEXT = 1 << 16 };
struct peer {
    int listener;
    unsigned char *seen;
    uint64_t lines;
    struct {
        int fd;
        size_t n;
        char text[TEXT]; /* read, and not a whole line yet */
    } * c;
    unsigned open, ended; /* connections */
};

static inline void peer_init(struct peer *p, int l, uint64_t metrics)
{
    *p = (struct peer){.listener = l, .seen = arena_alloc(&k.arena, metrics)};
    p->c = arena_alloc(&k.arena, CONNECTIONS * sizeof *p->c);
    cr_assert_not_null(p->c);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        p->c[i].fd = -1;
}

/* An unfinished last line stays and does not count. */
static inline void take_lines(struct peer *p, unsigned i)
{
    char *from = p->c[i].text, *end = from + p->c[i].n, *nl, *rest;

    for (; (nl = memchr(from, '\n', (size_t)(end - from))) != NULL; from = nl + 1) {
        cr_assert(strncmp(from, "m.", 2) == 0, "%.20s", from);
        uint64_t v = strtoull(from + 2, &rest, 10);
        cr_assert_eq(*rest, ' ');
        cr_assert_lt(v, accepted);
        if (p->seen[v] < 255)
            p->seen[v]++;
        p->lines++;
    }
    p->c[i].n = (size_t)(end - from);
    memmove(p->c[i].text, from, p->c[i].n);
}

static inline void read_some(struct peer *p, unsigned i)
{
    ssize_t got = recv(p->c[i].fd, p->c[i].text + p->c[i].n, TEXT - p->c[i].n, 0);

    if (got <= 0) {
        close(p->c[i].fd);
        p->c[i].fd = -1;
        p->open--;
        p->ended++;
        return;
    }
    p->c[i].n += (size_t)got;
    take_lines(p, i);
}

static inline void take_connection(struct peer *p)
{
    unsigned i = 0;

    while (i < CONNECTIONS && p->c[i].fd >= 0)
        i++;
    cr_assert_lt(i, CONNECTIONS, "too many connections at once");
    p->c[i].fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(p->c[i].fd, 0);
    p->c[i].n = 0;
    p->open++;
}

/* Accepts and reads whatever is there; false when nothing came within `ms`. */
static inline bool peer_turn(struct peer *p, int ms)
{
    struct pollfd fds[CONNECTIONS + 1];

    for (unsigned i = 0; i < CONNECTIONS; i++)
        fds[i] = (struct pollfd){.fd = p->c[i].fd, .events = POLLIN};
    fds[CONNECTIONS] = (struct pollfd){.fd = p->listener, .events = POLLIN};
    if (poll(fds, CONNECTIONS + 1, ms) <= 0)
        return false;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        if (fds[i].revents != 0)
            read_some(p, i);
    if (fds[CONNECTIONS].revents != 0)
        take_connection(p);
    return true;
}

/* Until the condition holds, the peer reads. */
#define PEER_UNTIL(p, condition)                                                                   \
    do {                                                                                           \
        int64_t peer_end = clock_mono() + 60 * NS_PER_S;                                           \
        while (!(condition)) {                                                                     \
            cr_assert_lt(clock_mono(), peer_end, "timed out: %s", #condition);                     \
            (void)peer_turn(p, 10);                                                                \
        }                                                                                          \
    } while (0)

/* Closes what is open; with `hard` by a reset, and with bytes unread. */
static inline void peer_drop(struct peer *p, bool hard)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    for (unsigned i = 0; i < CONNECTIONS; i++) {
        if (p->c[i].fd < 0)
            continue;
        if (hard)
            cr_assert_eq(setsockopt(p->c[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
        close(p->c[i].fd);
        p->c[i].fd = -1;
        p->open--;
    }
}

static inline bool has_ended(void)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Asked to finish, the worker ends once the peer has closed everything. */
static inline void finishes_with(struct peer *p)
{
    say('q');
    PEER_UNTIL(p, has_ended());
    ends_with(0);
}

static inline uint64_t position(void)
{
    struct cursor_state s = cursor();

    return s.position - s.start;
}

static inline void all_seen(const struct peer *p, uint64_t from, uint64_t to, bool once)
{
    for (uint64_t i = from; i < to; i++)
        cr_assert(once ? p->seen[i] == 1 : p->seen[i] >= 1, "m.%llu came %d times",
                  (unsigned long long)i, p->seen[i]);
}

#endif
