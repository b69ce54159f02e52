/* delivery/socket.c - sockets of the transports
 *
 * Fails as the look-up and the kernel do, with the reason. Only the look-up may wait.
 */
#include "delivery/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fd.h"

enum { DISCARDS = 16 /* reads in one look: a peer that floods us holds nobody up */ };

/* --- a host's name and its addresses --- */

int socket_look_up(const struct transport *t, int type, struct addrinfo **list)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = type, .ai_flags = AI_NUMERICSERV};

    return getaddrinfo(t->host, t->port, &hints, list);
}

/* Tries the addresses in turn, beginning with the one after the last failure. -1 with errno. */
static int connect_any(struct transport *t, const struct addrinfo *list, void (*prepare)(int fd))
{
    t->addresses = 0;
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        t->addresses++;
    for (unsigned i = 0; i < t->addresses; i++, t->failures++) {
        const struct addrinfo *a = list;
        int fd;

        for (unsigned n = t->failures % t->addresses; n > 0; n--)
            a = a->ai_next;
        fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
        if (fd < 0)
            continue;
        prepare(fd);
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS || errno == EINTR)
            return fd;
        fd_close(&fd);
    }
    return -1;
}

int socket_to_host(struct transport *t, int type, void (*prepare)(int fd))
{
    struct addrinfo *list;
    int error = socket_look_up(t, type, &list), fd;

    if (error != 0)
        return transport_fail(t, "cannot look up \"%s\": %s", t->host,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    fd = connect_any(t, list, prepare);
    error = errno;
    freeaddrinfo(list);
    return fd >= 0 ? fd : transport_fail(t, "cannot connect: %s", strerror(error));
}

/* --- a path --- */

int socket_connect_path(struct transport *t, int fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(t->path);
    struct stat there = {0};

    if (n >= sizeof a.sun_path)
        return transport_fail(t, "the path of a socket has at most %zu bytes",
                              sizeof a.sun_path - 1);
    memcpy(a.sun_path, t->path, n);
    /* Looked at before it is connected to: what takes its place in between is found to be another
     * one at the next look. */
    (void)stat(t->path, &there);
    t->dev = there.st_dev;
    t->ino = there.st_ino;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return 0;
    return transport_fail(t, "cannot connect: %s", strerror(errno));
}

int socket_to_path(struct transport *t, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return transport_fail(t, "cannot make a socket: %s", strerror(errno));
    if (socket_connect_path(t, fd) < 0)
        fd_close(&fd);
    return fd;
}

enum socket_path socket_path_names(const struct transport *t)
{
    struct stat there;

    if (stat(t->path, &there) < 0)
        return SOCKET_PATH_NOTHING;
    return there.st_dev == t->dev && there.st_ino == t->ino ? SOCKET_PATH_SAME : SOCKET_PATH_OTHER;
}

/* --- asked how it is --- */

int socket_error(int fd)
{
    int error = 0;
    socklen_t n = sizeof error;

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

bool socket_established(int fd)
{
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    struct tcp_info info;
    socklen_t n = sizeof info;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        return info.tcpi_state == TCP_ESTABLISHED;
    return errno == EOPNOTSUPP && poll(&gone, 1, 0) == 0; /* a Unix socket */
}

int socket_queued(int fd)
{
    int n = 0;

    return ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

int socket_discard(int fd)
{
    char waste[4096];
    ssize_t n = 1;

    for (int i = 0; i < DISCARDS && n > 0; i++)
        n = recv(fd, waste, sizeof waste, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    return n > 0 ? 1 : (int)n;
}
