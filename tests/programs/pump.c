/* pump - sends a prepared block of lines: usage: pump TO BLOCK LINES CONNECTIONS EACH RATE
 *
 * TO is the path of a Unix socket (with a slash in it) or a port of the loopback. BLOCK is a file of
 * lines; LINES are sent in all, over CONNECTIONS, which share the block: each begins at another place
 * of it, goes round, and sends as many. EACH is how many lines one send() has, 0: as many as fit into
 * 64 KiB; RATE is lines a second, over all connections, 0: as fast as they are taken. What comes back
 * is read all the time, so that nobody waits for us.
 *
 * At the end each connection is half-closed and read to its end. On stdout then the times, in ns of
 * CLOCK_MONOTONIC, of the first send, the last one and the last reply's end, its own CPU time in ns,
 * and the end of what came back last. Anything that fails ends it with 111.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "plain.h"

enum {
    PIECE = 64 << 10,   /* bytes of one send, where EACH does not say how much */
    MOST_SENDING = 64,  /* connections that send */
    TAIL = 200,         /* bytes that are kept of what came back */
    SECOND = 1000000000 /* ns */
};

struct connection {
    int fd;
    long left;      /* lines that are to be sent yet, the present piece's included */
    size_t at, end; /* of the present piece, in the block: what is not sent of it */
    long lines;     /* of it */
};

static struct {
    const char *data;
    size_t length;
} block;

static struct connection sending[MOST_SENDING];
static int connections;
static long each, rate;
static char tail[TAIL + 1];

static int64_t now_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

/* --- the block --- */

static void map_block(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *at;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
        die(path);
    at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        die(path);
    block.data = at;
    block.length = (size_t)st.st_size;
    if (block.data[block.length - 1] != '\n') {
        fprintf(stderr, "%s does not end with a line's end\n", path);
        exit(111);
    }
}

static size_t after_line(size_t at)
{
    const char *end = memchr(block.data + at, '\n', block.length - at);

    return (size_t)(end - block.data) + 1; /* the block ends with one */
}

/* The beginning of a line, about so far into the block. */
static size_t line_near(double part)
{
    size_t at = (size_t)((double)block.length * part);

    return at == 0 ? 0 : after_line(at - 1) % block.length;
}

/* Chooses the next piece: whole lines up to EACH, 64 KiB, what is left or the block's end. */
static void choose(struct connection *c)
{
    c->at = c->end % block.length;
    c->end = c->at;
    c->lines = 0;
    while (c->lines < c->left && c->end < block.length && (each == 0 || c->lines < each)) {
        size_t after = after_line(c->end);

        if (each == 0 && c->lines > 0 && after - c->at > PIECE)
            break;
        c->end = after;
        c->lines++;
    }
}

/* --- connections --- */

static int connect_to(const char *to)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct sockaddr_in port = {.sin_family = AF_INET};
    int one = 1, fd, bad;

    if (strchr(to, '/') != NULL) {
        (void)snprintf(path.sun_path, sizeof path.sun_path, "%s", to);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bad = connect(fd, (const struct sockaddr *)&path, sizeof path);
    } else {
        port.sin_port = htons((uint16_t)strtoul(to, NULL, 10));
        port.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bad = connect(fd, (const struct sockaddr *)&port, sizeof port);
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (bad < 0)
        die(to);
    return fd;
}

static void open_all(const char *to, long lines)
{
    for (int i = 0; i < connections; i++) {
        struct connection *c = &sending[i];

        c->fd = connect_to(to);
        c->left = lines / connections + (i < lines % connections);
        c->end = line_near((double)i / connections);
        choose(c);
    }
}

/* Keeps the end of what came back; false: that was all. */
static int take_reply(const struct connection *c)
{
    static char buffer[PIECE];
    ssize_t n = recv(c->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (n > 0) {
        size_t keep = n < TAIL ? (size_t)n : TAIL;

        memcpy(tail, buffer + n - keep, keep);
        tail[keep] = 0;
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* One send(); true: the present piece is out. */
static int send_some(struct connection *c)
{
    ssize_t n = send(c->fd, block.data + c->at, c->end - c->at, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        die("send");
    if (n > 0)
        c->at += (size_t)n;
    if (c->at < c->end)
        return 0;
    c->left -= c->lines;
    if (c->left > 0)
        choose(c);
    else if (shutdown(c->fd, SHUT_WR) < 0)
        die("shutdown");
    return 1;
}

/* Waits until something has come back, which it reads, or can be sent: on `one`, NULL: on any. */
static void wait_ready(struct pollfd *p, const struct connection *one, int timeout)
{
    for (int i = 0; i < connections; i++) {
        const struct connection *c = &sending[i];

        p[i] = (struct pollfd){c->fd, POLLIN, 0};
        if (c->left > 0 && (one == NULL || one == c))
            p[i].events |= POLLOUT;
    }
    if (poll(p, (nfds_t)connections, timeout) < 0 && errno != EINTR)
        die("poll");
    for (int i = 0; i < connections; i++)
        if ((p[i].revents & (POLLIN | POLLHUP)) && !take_reply(&sending[i])) {
            if (sending[i].left > 0) {
                fprintf(stderr, "hung up on with %ld lines to send: %s\n", sending[i].left, tail);
                exit(111);
            }
            (void)close(sending[i].fd);
            sending[i].fd = -1;
        }
}

/* --- the load --- */

static void flat_out(void)
{
    struct pollfd p[MOST_SENDING];

    for (int busy = 1; busy;) {
        wait_ready(p, NULL, -1);
        busy = 0;
        for (int i = 0; i < connections; i++) {
            struct connection *c = &sending[i];

            /* As many small ones as are taken: a look at all for each send would cost more. */
            for (int n = 0; c->left > 0 && (p[i].revents & POLLOUT) && n < 64; n++)
                if (!send_some(c) || each == 0)
                    break;
            busy |= c->left > 0;
        }
    }
}

static void sleep_until(int64_t at)
{
    struct timespec t = {at / SECOND, at % SECOND};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* A piece at each tick, the connections in turn; one that does not take it is waited for. */
static void paced(int64_t began)
{
    struct pollfd p[MOST_SENDING];
    int64_t sent = 0;

    for (int busy = 1; busy;) {
        busy = 0;
        for (int i = 0; i < connections; i++) {
            struct connection *c = &sending[i];

            if (c->left == 0)
                continue;
            sleep_until(began + sent * SECOND / rate);
            sent += c->lines;
            wait_ready(p, c, 0);
            while (!send_some(c))
                wait_ready(p, c, -1);
            busy |= c->left > 0;
        }
    }
}

static void read_to_the_end(void)
{
    struct pollfd p[MOST_SENDING];

    for (int open = 1; open;) {
        open = 0;
        for (int i = 0; i < connections; i++)
            open |= sending[i].fd >= 0;
        if (open)
            wait_ready(p, NULL, -1);
    }
}

int main(int argc, char **argv)
{
    int64_t began, sent;
    long lines;

    if (argc != 7) {
        fputs("usage: pump TO BLOCK LINES CONNECTIONS EACH RATE\n", stderr);
        return 2;
    }
    lines = strtol(argv[3], NULL, 10);
    connections = (int)strtol(argv[4], NULL, 10);
    each = strtol(argv[5], NULL, 10);
    rate = strtol(argv[6], NULL, 10);
    if (connections < 1 || connections > MOST_SENDING || lines < connections)
        return 2;
    map_block(argv[2]);
    open_all(argv[1], lines);
    began = now_ns(CLOCK_MONOTONIC);
    if (rate > 0)
        paced(began);
    else
        flat_out();
    sent = now_ns(CLOCK_MONOTONIC);
    read_to_the_end();
    printf("%lld %lld %lld %lld\n%s", (long long)began, (long long)sent,
           (long long)now_ns(CLOCK_MONOTONIC), (long long)now_ns(CLOCK_PROCESS_CPUTIME_ID), tail);
    return 0;
}
