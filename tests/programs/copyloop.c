/* copyloop - the limit that throughput is measured against: usage: copyloop SOCKET PORT
 *
 * Takes any number of connections on the Unix socket, and writes what comes, by whole lines, to one TCP
 * connection to the port of the loopback. Nothing else: no format is read or made, nothing is kept or
 * confirmed. A line longer than the buffer, and anything that fails, ends it with 111.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "plain.h"

enum { BUFFER = 64 << 10, EVENTS = 64 };

struct connection {
    int fd;
    size_t length; /* bytes of a line whose end has not come */
    char data[BUFFER];
};

static int connect_to(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        die(port);
    return fd;
}

static void write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);

        if (done < 0)
            die("write");
        data += done;
        n -= (size_t)done;
    }
}

static void watch(int poll, int fd, void *what)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = what}};

    if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("a connection");
}

static void take_connection(int poll, int listener)
{
    struct connection *c = malloc(sizeof *c);

    if (c == NULL || (c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        die("accept");
    c->length = 0;
    watch(poll, c->fd, c);
}

static void copy(struct connection *c, int to)
{
    ssize_t n = read(c->fd, c->data + c->length, BUFFER - c->length);
    const char *end;
    size_t whole;

    if (n <= 0) {
        (void)close(c->fd);
        free(c);
        return;
    }
    end = memrchr(c->data + c->length, '\n', (size_t)n);
    c->length += (size_t)n;
    if (end == NULL) {
        if (c->length == BUFFER)
            die("a line that is too long");
        return;
    }
    whole = (size_t)(end - c->data) + 1;
    write_all(to, c->data, whole);
    c->length -= whole;
    memmove(c->data, c->data + whole, c->length);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int poll = epoll_create1(EPOLL_CLOEXEC), listener, to;

    if (argc != 3) {
        fputs("usage: copyloop SOCKET PORT\n", stderr);
        return 2;
    }
    to = connect_to(argv[2]);
    listener = listen_unix(argv[1]);
    watch(poll, listener, NULL);
    for (;;) {
        int n = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < n; i++)
            if (events[i].data.ptr == NULL)
                take_connection(poll, listener);
            else
                copy(events[i].data.ptr, to);
    }
}
