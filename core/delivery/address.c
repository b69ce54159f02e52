/* delivery/address.c - a host's name and its addresses
 *
 * Fails as the look-up and the kernel do, with the reason. Only the look-up may wait.
 */
#include "delivery/address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

int address_look_up(const struct transport *t, int type, struct addrinfo **list)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = type, .ai_flags = AI_NUMERICSERV};

    return getaddrinfo(t->host, t->port, &hints, list);
}

/* A socket that is connected or connecting, or -1 with errno. */
static int begin_connect(const struct addrinfo *a, void (*prepare)(int fd))
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

    if (fd < 0)
        return -1;
    prepare(fd);
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS && errno != EINTR)
        fd_close(&fd);
    return fd;
}

static const struct addrinfo *nth(const struct addrinfo *list, unsigned n)
{
    while (n-- > 0)
        list = list->ai_next;
    return list;
}

/* Tries the addresses in turn, beginning with the one after the last failure. */
static int connect_any(struct transport *t, const struct addrinfo *list, void (*prepare)(int fd))
{
    int fd;

    t->addresses = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        t->addresses++;
    for (unsigned i = 0; i < t->addresses; i++) {
        fd = begin_connect(nth(list, t->failures % t->addresses), prepare);
        if (fd >= 0)
            return fd;
        t->failures++;
    }
    return -1;
}

int address_connect(struct transport *t, int type, void (*prepare)(int fd))
{
    struct addrinfo *list;
    int error = address_look_up(t, type, &list), fd;

    if (error != 0)
        return transport_fail(t, "cannot look up \"%s\": %s", t->host,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    fd = connect_any(t, list, prepare);
    error = errno;
    freeaddrinfo(list);
    return fd >= 0 ? fd : transport_fail(t, "cannot connect: %s", strerror(error));
}
