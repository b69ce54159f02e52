/* plugin/waits.c - what a plugin waits for
 *
 * A watch is asked for by descriptor and found by it. One that was forgotten by the kernel (its
 * descriptor was closed, perhaps opened again as something else) is replaced by a new one when the
 * same number is watched again. Fails, towards the plugin, as epoll does: EPERM for a regular file,
 * EBADF, ENOMEM.
 */
#include "plugin/waits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

struct plugin_watch {
    struct plugin_waits *waits;
    struct loop_fd fd;
    struct plugin_watch *next;
};

_Static_assert((int)GARNET_READABLE == (int)LOOP_IN && (int)GARNET_WRITABLE == (int)LOOP_OUT &&
                   (int)GARNET_HANGUP == (int)LOOP_HUP,
               "events differ");

static void tell(struct plugin_waits *w, int fd, uint32_t events)
{
    struct plugin *p = w->plugin;

    w->before(w->arg);
    plugin_enter(p, PLUGIN_EVENT);
    w->after(w->arg, plugin_leave(p, p->def.event(&p->g, fd, events)));
}

static void on_ready(void *arg, uint32_t events)
{
    const struct plugin_watch *watch = arg;

    tell(watch->waits, watch->fd.fd, events);
}

static void on_tick(void *arg)
{
    tell(arg, -1, 0);
}

void plugin_waits_init(struct plugin_waits *w, struct plugin *p, struct loop *l,
                       void (*before)(void *arg), void (*after)(void *arg, int answer), void *arg)
{
    *w =
        (struct plugin_waits){.plugin = p, .loop = l, .before = before, .after = after, .arg = arg};
    p->waits = w;
}

static void forget(struct plugin_waits *w, struct plugin_watch **at)
{
    struct plugin_watch *gone = *at;

    *at = gone->next;
    loop_fd_forget(w->loop, &gone->fd);
    free(gone);
}

/* A new one each time: whether an old one is still of the same file is not known. */
int plugin_watch(struct plugin_waits *w, int fd, uint32_t events)
{
    struct plugin_watch *watch;

    for (struct plugin_watch **at = &w->watches; *at != NULL; at = &(*at)->next)
        if ((*at)->fd.fd == fd) {
            forget(w, at);
            break;
        }
    if (events == 0)
        return 0;
    if ((watch = calloc(1, sizeof *watch)) == NULL)
        return -1;
    watch->waits = w;
    loop_fd_init(&watch->fd);
    if (loop_fd_add(w->loop, &watch->fd, fd, events & (LOOP_IN | LOOP_OUT), on_ready, watch) < 0) {
        int failed = errno;

        free(watch);
        errno = failed;
        return -1;
    }
    watch->next = w->watches;
    w->watches = watch;
    return 0;
}

void plugin_tick(struct plugin_waits *w, int64_t after_ns)
{
    if (after_ns < 0)
        loop_timer_clear(w->loop, &w->tick);
    else
        loop_timer_set(w->loop, &w->tick, clock_mono() + after_ns, on_tick, w);
}

void plugin_waits_free(struct plugin_waits *w)
{
    while (w->watches != NULL)
        forget(w, &w->watches);
    if (w->loop != NULL)
        loop_timer_clear(w->loop, &w->tick);
    if (w->plugin != NULL)
        w->plugin->waits = NULL;
}
