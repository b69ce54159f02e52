/* tests/rig/worker_peer.c - each connection has the bytes of a line that is not whole yet */
#include "rig/worker_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { PEER_TEXT = 1 << 16 };
struct peer_connection {
    int fd; /* -1: free */
    size_t n;
    char text[PEER_TEXT];
};

void peer_bind(struct peer *p, uint64_t metrics)
{
    struct arena *arena = &worker_rig.kit.arena;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *p = (struct peer){.listener = fd, .seen = arena_alloc(arena, metrics)};
    p->uri = arena_printf(arena, "tcp://127.0.0.1:%d", ntohs(a.sin_port));
    p->c = arena_alloc(arena, PEER_CONNECTIONS * sizeof *p->c);
    cr_assert_not_null(p->c);
    for (unsigned i = 0; i < PEER_CONNECTIONS; i++)
        p->c[i].fd = -1;
}

void peer_listen(struct peer *p)
{
    cr_assert_eq(listen(p->listener, 8), 0);
}

void peer_open(struct peer *p, uint64_t metrics)
{
    peer_bind(p, metrics);
    peer_listen(p);
}

void peer_receive_buffer(struct peer *p, int bytes)
{
    cr_assert_eq(setsockopt(p->listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
}

void deliver_to_peer(struct peer *p, uint64_t metrics)
{
    peer_open(p, metrics);
    configure_sink(GRAPHITE, "path: '{name}'", p->uri, NULL);
}

static void count_lines(struct peer *p, struct peer_connection *c)
{
    char *from = c->text, *end = from + c->n, *nl, *rest;

    for (; (nl = memchr(from, '\n', (size_t)(end - from))) != NULL; from = nl + 1) {
        cr_assert(strncmp(from, "m.", 2) == 0, "%.20s", from);
        uint64_t v = strtoull(from + 2, &rest, 10);
        cr_assert_eq(*rest, ' ');
        cr_assert_lt(v, worker_rig.accepted);
        if (p->seen[v] < 255)
            p->seen[v]++;
        p->lines++;
    }
    c->n = (size_t)(end - from);
    memmove(c->text, from, c->n);
}

static void read_connection(struct peer *p, struct peer_connection *c)
{
    ssize_t got = recv(c->fd, c->text + c->n, PEER_TEXT - c->n, 0);

    if (got <= 0) {
        close(c->fd);
        c->fd = -1;
        p->open--;
        p->ended++;
        return;
    }
    c->n += (size_t)got;
    count_lines(p, c);
}

static void accept_connection(struct peer *p)
{
    unsigned i = 0;

    while (i < PEER_CONNECTIONS && p->c[i].fd >= 0)
        i++;
    cr_assert_lt(i, PEER_CONNECTIONS, "too many connections at once");
    p->c[i].fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(p->c[i].fd, 0);
    p->c[i].n = 0;
    p->open++;
}

bool peer_turn(struct peer *p, int ms)
{
    struct pollfd fds[PEER_CONNECTIONS + 1];

    for (unsigned i = 0; i < PEER_CONNECTIONS; i++)
        fds[i] = (struct pollfd){.fd = p->c[i].fd, .events = POLLIN};
    fds[PEER_CONNECTIONS] = (struct pollfd){.fd = p->listener, .events = POLLIN};
    if (poll(fds, PEER_CONNECTIONS + 1, ms) <= 0)
        return false;
    for (unsigned i = 0; i < PEER_CONNECTIONS; i++)
        if (fds[i].revents != 0)
            read_connection(p, &p->c[i]);
    if (fds[PEER_CONNECTIONS].revents != 0)
        accept_connection(p);
    return true;
}

int peer_connection_fd(const struct peer *p, unsigned i)
{
    return p->c[i].fd;
}

static void drop_connections(struct peer *p, bool reset)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    for (unsigned i = 0; i < PEER_CONNECTIONS; i++) {
        int fd = p->c[i].fd;

        if (fd < 0)
            continue;
        if (reset)
            cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        close(fd);
        p->c[i].fd = -1;
        p->open--;
    }
}

void peer_close(struct peer *p)
{
    drop_connections(p, false);
}

void peer_reset(struct peer *p)
{
    drop_connections(p, true);
}

void expect_seen(const struct peer *p, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        cr_assert(p->seen[i] >= 1, "m.%llu did not come", (unsigned long long)i);
}

void expect_seen_once(const struct peer *p, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        cr_assert(p->seen[i] == 1, "m.%llu came %d times", (unsigned long long)i, p->seen[i]);
}

static bool worker_has_ended(void)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)worker_rig.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

void finish_worker_with(struct peer *p)
{
    ask_worker_to_finish();
    PEER_UNTIL(p, worker_has_ended());
    expect_exit(0);
}
