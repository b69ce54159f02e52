/* delivery/transport.c - what all kinds of transports share
 *
 * Knows no kind. Nothing here fails but a URI that is none.
 */
#include "delivery/transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/why.h"

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

int transport_init(struct transport *t, const struct transport_kind *kind, const char *uri)
{
    const char *rest = uri + strlen(kind->scheme);
    size_t n;

    *t = (struct transport){.uri = uri, .fd = -1, .kind = kind};
    rest += *rest == ':';
    if (kind->place == TRANSPORT_NOWHERE)
        return *rest == 0 ? 0 : -1;
    if (strncmp(rest, "//", 2) != 0 || (n = strlen(rest += 2)) >= sizeof t->store)
        return -1;
    memcpy(t->store, rest, n + 1);
    if (kind->place == TRANSPORT_HOST)
        return split_host(t);
    t->path = t->store;
    return *t->path == '/' ? 0 : -1;
}

void transport_moved(struct transport *to, const struct transport *from)
{
    const char *const old[] = {from->host, from->port, from->path};
    const char **const mine[] = {&to->host, &to->port, &to->path};

    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (old[i] != NULL)
            *mine[i] = to->store + (old[i] - from->store);
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
    t->why.text[0] = 0;
}

int transport_fail(struct transport *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    why_setv(&t->why, fmt, ap);
    va_end(ap);
    t->state = TRANSPORT_DOWN;
    return -1;
}

void transport_close(struct transport *t)
{
    fd_close(&t->fd);
    t->state = TRANSPORT_DOWN;
    t->events = 0;
}

void transport_no_update(struct transport *t)
{
    (void)t;
}
