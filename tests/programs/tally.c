/* tally - a receiver that only counts: usage: tally FILE [PORT]
 *
 * Listens on the port of the loopback (0 or none: one that is free), reads all that comes over any
 * number of connections, and closes each at its end. FILE is the page of struct page below, shared
 * with whoever started it, which may look at any time without a word to us, and sets what it waits
 * for before the load begins. Ends when it is killed; anything that fails ends it with 111.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "plain.h"

enum { BUFFER = 256 << 10, EVENTS = 64, SECOND = 1000000000 /* ns */ };

/* tests/bench/load.py reads and writes it. Times are ns of CLOCK_MONOTONIC. */
struct page {
    uint64_t port;
    uint64_t lines;   /* so far */
    uint64_t first;   /* when something came; the reader sets it to 0 before that */
    uint64_t last;    /* when something came last */
    uint64_t mark;    /* the reader's: a number of lines */
    uint64_t reached; /* when there were as many; the reader sets it to 0 before that */
    uint64_t bytes;
};

static struct page *share(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *at;

    if (fd < 0 || ftruncate(fd, sizeof(struct page)) < 0)
        die(path);
    at = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        die(path);
    (void)close(fd);
    return at;
}

static int listen_at(uint16_t port, volatile struct page *page)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    socklen_t length = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &length) < 0)
        die("listen");
    page->port = ntohs(at.sin_port);
    return fd;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t lines_of(const char *data, size_t n)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < n; i++)
        lines += data[i] == '\n';
    return lines;
}

static void count(volatile struct page *page, const char *data, size_t n)
{
    uint64_t now = now_ns();

    if (page->first == 0)
        page->first = now;
    page->last = now;
    page->bytes += n;
    page->lines += lines_of(data, n);
    if (page->reached == 0 && page->mark > 0 && page->lines >= page->mark)
        page->reached = now;
}

static void watch(int poll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    if (fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("a connection");
}

int main(int argc, char **argv)
{
    static char buffer[BUFFER];
    struct epoll_event events[EVENTS];
    int poll = epoll_create1(EPOLL_CLOEXEC), listener;
    volatile struct page *page;

    if (argc != 2 && argc != 3) {
        fputs("usage: tally FILE [PORT]\n", stderr);
        return 2;
    }
    page = share(argv[1]);
    listener = listen_at((uint16_t)(argc == 3 ? strtoul(argv[2], NULL, 10) : 0), page);
    watch(poll, listener);
    for (;;) {
        int n = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            ssize_t got;

            if (fd == listener) {
                watch(poll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
                continue;
            }
            if ((got = read(fd, buffer, sizeof buffer)) > 0)
                count(page, buffer, (size_t)got);
            else
                (void)close(fd);
        }
    }
}
