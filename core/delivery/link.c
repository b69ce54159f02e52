/* delivery/link.c - one connection to one endpoint
 *
 * After every call into the transport the loop learns what that waits for now, or that it is gone.
 */
#include "delivery/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "delivery/transport/file.h"
#include "delivery/transport/stdout.h"
#include "delivery/transport/tcp.h"
#include "delivery/transport/udp.h"
#include "delivery/transport/unix.h"

/* --- the kinds --- */

static const struct transport_kind *const KINDS[] = {
    &transport_tcp,      &transport_udp,  &transport_unix,
    &transport_unixgram, &transport_file, &transport_stdout,
};

static const struct transport_kind *kind_of(const char *uri)
{
    size_t scheme = strcspn(uri, ":");

    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (strlen(KINDS[i]->scheme) == scheme && strncmp(KINDS[i]->scheme, uri, scheme) == 0)
            return KINDS[i];
    return NULL;
}

bool link_datagrams(const struct conf_sink *sink)
{
    for (size_t i = 0; i < sink->to.n; i++)
        if (kind_of(sink->to.v[i])->packet > 0)
            return true;
    return false;
}

size_t link_batch_size(const struct conf_sink *sink, int64_t batch_size)
{
    size_t least = (size_t)batch_size;

    for (size_t i = 0; i < sink->to.n; i++) {
        size_t packet = kind_of(sink->to.v[i])->packet;

        if (packet > 0 && sink->max_packet > 0)
            packet = (size_t)sink->max_packet;
        if (packet > 0 && packet < least)
            least = packet;
    }
    return least;
}

/* "host:port" or "[v6]:port". A host that is too long for a name is cut, and nobody has that name. */
static int set_host(struct transport *t, const char *at)
{
    const char *colon = strrchr(at, ':');
    int n = colon != NULL ? (int)(colon - at) : 0;
    int bracket = n > 2 && at[0] == '[' && at[n - 1] == ']';

    if (n == 0 || colon[1] == 0)
        return -1;
    (void)snprintf(t->host, sizeof t->host, "%.*s", n - 2 * bracket, at + bracket);
    t->port = colon + 1;
    return 0;
}

int link_transport(struct transport *t, const char *uri)
{
    const struct transport_kind *kind = kind_of(uri);
    const char *at;

    *t = (struct transport){.uri = uri, .fd = -1, .kind = kind};
    if (kind == NULL)
        return -1;
    at = uri + strlen(kind->scheme);
    if (kind->place == TRANSPORT_NOWHERE)
        return *at == 0 ? 0 : -1;
    if (strncmp(at, "://", 3) != 0)
        return -1;
    if (kind->place == TRANSPORT_HOST)
        return set_host(t, at + 3);
    t->path = at + 3;
    return *t->path == '/' ? 0 : -1;
}

/* --- a connection --- */

void link_init(struct link *k, struct loop *l, const char *uri)
{
    *k = (struct link){.loop = l};
    loop_fd_init(&k->watch);
    if (link_transport(&k->t, uri) < 0)
        panic("the configuration has let \"%s\" pass", uri);
}

void link_again(struct link *k, const char *uri, bool trial)
{
    unsigned failures = k->t.failures;

    link_init(k, k->loop, uri);
    k->t.failures = failures; /* only its rest by the number of addresses matters */
    k->t.trial = trial;
}

static void after_call(struct link *k)
{
    k->was_up |= k->t.state == TRANSPORT_UP;
    k->fell = k->t.state == TRANSPORT_DOWN;
    if (k->fell)
        loop_fd_del(k->loop, &k->watch);
    else if (k->watch.fd >= 0)
        loop_fd_mod(k->loop, &k->watch, k->t.events);
}

static void on_link_event(void *arg, uint32_t events)
{
    struct link *k = arg;

    if (k->t.kind->ready != NULL)
        k->t.kind->ready(&k->t, events);
    after_call(k);
}

/* A regular file cannot be watched, nor need it be. */
static void watch_link(struct link *k)
{
    if (loop_fd_add(k->loop, &k->watch, k->t.fd, k->t.events, on_link_event, k) < 0 &&
        errno != EPERM)
        (void)transport_fail(&k->t, "cannot be watched: error %d", errno);
    after_call(k);
}

int link_open(struct link *k)
{
    if (k->t.kind->open(&k->t) == 0)
        watch_link(k);
    /* What is up as it is opened, a file, has not shown that yet: it may be on a full disk. */
    k->was_up = false;
    if (k->t.state != TRANSPORT_DOWN)
        return 0;
    link_close(k);
    return -1;
}

bool link_is_open(const struct link *k)
{
    return k->t.fd >= 0;
}

bool link_up(const struct link *k)
{
    return k->t.state == TRANSPORT_UP;
}

size_t link_write(struct link *k, const void *p, size_t n)
{
    ssize_t done = k->t.kind->write(&k->t, p, n);

    after_call(k);
    return done > 0 ? (size_t)done : 0;
}

bool link_update(struct link *k)
{
    uint64_t before = k->seen;

    if (k->t.kind->update != NULL)
        k->t.kind->update(&k->t);
    k->seen = link_arrived(k);
    after_call(k);
    return k->seen > before;
}

uint64_t link_arrived(const struct link *k)
{
    return k->t.kind->by_silence ? k->t.confirmed : k->t.acked;
}

int link_release(struct link *k)
{
    int fd = k->t.fd;

    loop_fd_del(k->loop, &k->watch);
    k->t.fd = -1;
    link_close(k);
    return fd;
}

/* The watch has a struct link's address, so it is made anew. */
void link_move(struct link *to, struct link *from, bool trial)
{
    loop_fd_del(from->loop, &from->watch);
    *to = *from;
    loop_fd_init(&to->watch);
    to->t.trial = trial;
    link_init(from, from->loop, from->t.uri);
    watch_link(to);
}

void link_close(struct link *k)
{
    loop_fd_del(k->loop, &k->watch);
    transport_close(&k->t);
    k->fell = false;
}
