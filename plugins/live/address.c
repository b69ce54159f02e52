/* live/address.c - sockets of the two families */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 64, SEND_BUFFER = 256 * 1024 };

static const char *parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != 0 || n > UINT16_MAX)
        return "has no port from 0 to 65535 behind its last colon";
    *port = htons((uint16_t)n);
    return NULL;
}

const char *address_parse(struct address *a, const char *text)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->at;
    const char *colon = strrchr(text, ':'), *fault;
    size_t n = colon != NULL ? (size_t)(colon - text) : 0;
    char inner[sizeof a->host];
    uint16_t port;

    *a = (struct address){0};
    if (colon == NULL)
        return "has no port: write ADDRESS:PORT, as in 127.0.0.1:8200";
    if ((fault = parse_port(colon + 1, &port)) != NULL)
        return fault;
    if (n == 0 || n >= sizeof a->host)
        return "has no address: write 127.0.0.1:8200, or 0.0.0.0:8200 for all that this machine "
               "has";
    (void)snprintf(a->host, sizeof a->host, "%.*s", (int)n, text);
    (void)snprintf(inner, sizeof inner, "%s",
                   strcmp(a->host, "localhost") == 0 ? "127.0.0.1" : a->host);
    if (inet_pton(AF_INET, inner, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = port;
        a->size = sizeof *v4;
        return NULL;
    }
    if (*inner == '[' && inner[n - 1] == ']') {
        inner[n - 1] = 0;
        if (inet_pton(AF_INET6, inner + 1, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = port;
            a->size = sizeof *v6;
            return NULL;
        }
    }
    return "is no address: names are not looked up, and IPv6 stands in brackets, as in [::1]:8200";
}

bool address_is_loopback(const struct address *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->at;

    if (a->at.ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int address_listen(const struct address *a, unsigned *port)
{
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } got = {.v6 = {0}};
    socklen_t size = sizeof got;
    int room = SEND_BUFFER;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Its connections inherit it: the kernel would keep megabytes for each that does not read. */
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (bind(fd, (const struct sockaddr *)&a->at, a->size) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, &got.any, &size) < 0) {
        int failed = errno;

        (void)close(fd);
        errno = failed;
        return -1;
    }
    *port = ntohs(got.any.sa_family == AF_INET ? got.v4.sin_port : got.v6.sin6_port);
    return fd;
}
