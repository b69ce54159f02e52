/* delivery/link.c - one connection to one endpoint
 *
 * After every call into the transport the loop learns what that waits for now, or that it is gone.
 */
#include "delivery/link.h"

#include <errno.h>
#include <poll.h>

#include "base/log.h"
#include "delivery/transports.h"

void link_init(struct link *k, struct loop *l, const char *uri)
{
    *k = (struct link){.loop = l};
    loop_fd_init(&k->watch);
    if (transports_init(&k->t, uri) < 0)
        panic("the configuration has let \"%s\" pass", uri);
}

void link_again(struct link *k, const char *uri, bool trial)
{
    unsigned failures = k->t.failures;

    link_init(k, k->loop, uri);
    k->t.failures = failures; /* only its rest by the number of addresses matters */
    k->t.trial = trial;
}

static uint32_t loop_events(const struct transport *t)
{
    return ((t->events & POLLIN) != 0 ? (uint32_t)LOOP_IN : 0) |
           ((t->events & POLLOUT) != 0 ? (uint32_t)LOOP_OUT : 0);
}

static void after_call(struct link *k)
{
    k->was_up |= k->t.state == TRANSPORT_UP;
    k->fell = k->t.state == TRANSPORT_DOWN;
    if (k->fell)
        loop_fd_del(k->loop, &k->watch);
    else if (k->watch.fd >= 0)
        loop_fd_mod(k->loop, &k->watch, loop_events(&k->t));
}

static void on_link_event(void *arg, uint32_t events)
{
    struct link *k = arg;
    short revents = (short)((events & LOOP_IN ? POLLIN : 0) | (events & LOOP_OUT ? POLLOUT : 0) |
                            (events & LOOP_HUP ? POLLHUP : 0));

    k->t.kind->ready(&k->t, revents);
    after_call(k);
}

/* A regular file cannot be watched, nor need it be. */
static void watch_link(struct link *k)
{
    if (loop_fd_add(k->loop, &k->watch, k->t.fd, loop_events(&k->t), on_link_event, k) < 0 &&
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
    transport_moved(&to->t, &from->t);
    to->t.trial = trial;
    link_init(from, from->loop, from->t.uri);
    watch_link(to);
}

void link_close(struct link *k)
{
    loop_fd_del(k->loop, &k->watch);
    k->t.kind->close(&k->t);
    k->fell = false;
}
