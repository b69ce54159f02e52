/* delivery/transport.c - from a URI to a transport, and what all kinds share
 *
 * Knows the names of the kinds and nothing of their ways. Nothing here fails but a URI that is
 * none.
 */
#include "delivery/transport.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/fd.h"

static const struct transport_kind *const KINDS[] = {&transport_tcp,  &transport_udp,
                                                     &transport_unix, &transport_unixgram,
                                                     &transport_file, &transport_stdout};

/* "host:port" or "[v6]:port", in store, cut into two. */
static int split_host(struct transport *t)
{
    char *colon = strrchr(t->store, ':'), *host = t->store;
    size_t n;

    if (colon == NULL || colon == t->store || colon[1] == 0)
        return -1;
    *colon = 0;
    n = strlen(host);
    if (host[0] == '[' && n > 2 && host[n - 1] == ']') {
        host[n - 1] = 0;
        host++;
    }
    t->host = host;
    t->port = colon + 1;
    return 0;
}

static int take_address(struct transport *t, const char *rest)
{
    size_t n = strlen(rest);

    if (n >= sizeof t->store)
        return -1;
    memcpy(t->store, rest, n + 1);
    if (t->kind == &transport_stdout)
        return n == 0 ? 0 : -1;
    if (strncmp(rest, "//", 2) != 0)
        return -1;
    memmove(t->store, t->store + 2, n - 1);
    if (t->kind == &transport_tcp || t->kind == &transport_udp)
        return split_host(t);
    t->path = t->store;
    return *t->path == '/' ? 0 : -1;
}

static const struct transport_kind *kind_of(const char *uri, size_t scheme)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strlen(KINDS[i]->scheme) == scheme && strncmp(KINDS[i]->scheme, uri, scheme) == 0)
            return KINDS[i];
    return NULL;
}

int transport_init(struct transport *t, const char *uri)
{
    size_t n = strcspn(uri, ":");

    *t = (struct transport){.uri = uri, .fd = -1, .kind = kind_of(uri, n)};
    if (t->kind == NULL)
        return -1;
    return take_address(t, uri[n] == ':' ? uri + n + 1 : uri + n);
}

size_t transport_packet(const char *uri)
{
    const struct transport_kind *kind = kind_of(uri, strcspn(uri, ":"));

    return kind != NULL ? kind->packet : 0;
}

void transport_start(struct transport *t, int fd, enum transport_state state, short events)
{
    t->fd = fd;
    t->state = state;
    t->events = events;
    t->written = t->acked = t->confirmed = 0;
    t->opened_ns = t->looked_ns = clock_mono();
    t->stuck_ns = t->replaced_ns = t->due_ns = 0;
    t->silence.n = 0;
    t->mid = t->refused = false;
    t->why[0] = 0;
}

void transport_moved(struct transport *to, const struct transport *from)
{
    const char *const old[] = {from->host, from->port, from->path};
    const char **const mine[] = {&to->host, &to->port, &to->path};

    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (old[i] != NULL)
            *mine[i] = to->store + (old[i] - from->store);
}

void transport_close(struct transport *t)
{
    fd_close(&t->fd);
    t->state = TRANSPORT_DOWN;
    t->events = 0;
}

int transport_fail(struct transport *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(t->why, sizeof t->why, fmt, ap);
    va_end(ap);
    t->state = TRANSPORT_DOWN;
    return -1;
}

enum path_names transport_path_names(const struct transport *t)
{
    struct stat there;

    if (stat(t->path, &there) < 0)
        return PATH_NOTHING;
    return there.st_dev == t->dev && there.st_ino == t->ino ? PATH_SAME : PATH_OTHER;
}

/* Looked at before it is connected to: what takes its place in between is found to be another one
 * at the next look. */
static void remember_path(struct transport *t)
{
    struct stat there = {0};

    (void)stat(t->path, &there);
    t->dev = there.st_dev;
    t->ino = there.st_ino;
}

int transport_connect_to_path(struct transport *t, int fd)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(t->path);

    if (n >= sizeof a.sun_path)
        return transport_fail(t, "the path of a socket has at most %zu bytes",
                              sizeof a.sun_path - 1);
    memcpy(a.sun_path, t->path, n);
    remember_path(t);
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
        return 0;
    return transport_fail(t, "cannot connect: %s", strerror(errno));
}

int transport_connect_path(struct transport *t, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return transport_fail(t, "cannot make a socket: %s", strerror(errno));
    if (transport_connect_to_path(t, fd) < 0)
        fd_close(&fd);
    return fd;
}
