/* plugin/waits.c - a plugin's watches and its timer, as entries of a loop
 *
 * A watch is found by its descriptor. Whether an old one is still of the same file is not known
 * (the plugin may have closed it, and opened something else under that number), so it is replaced
 * by a new one whenever its number is named again.
 */
#include "plugin/waits.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "garnet/plugin.h"

struct waits_watch {
    struct waits *waits;
    struct loop_fd fd;
    LIST_ENTRY(waits_watch) link;
};

_Static_assert((int)GARNET_READABLE == (int)LOOP_IN && (int)GARNET_WRITABLE == (int)LOOP_OUT &&
                   (int)GARNET_HANGUP == (int)LOOP_HUP,
               "events differ");

static void on_watch(void *arg, uint32_t events)
{
    const struct waits_watch *watch = arg;

    watch->waits->event(watch->waits->arg, watch->fd.fd, events);
}

static void on_timer(void *arg)
{
    struct waits *w = arg;

    w->event(w->arg, -1, 0);
}

void waits_init(struct waits *w, struct loop *l, waits_event_fn *event, void *arg)
{
    *w = (struct waits){.loop = l, .event = event, .arg = arg};
}

static void ignore(void *arg, uint32_t events)
{
    (void)arg, (void)events;
}

/* One whose descriptor was closed before stays in memory: if that has a duplicate, epoll still tells of it. */
static void unwatch(struct waits *w, struct waits_watch *watch)
{
    LIST_REMOVE(watch, link);
    if (loop_fd_forget(w->loop, &watch->fd)) {
        free(watch);
        return;
    }
    watch->fd.fn = ignore;
}

int waits_watch(struct waits *w, int fd, uint32_t events)
{
    struct waits_watch *watch;

    LIST_FOREACH (watch, &w->watches, link)
        if (watch->fd.fd == fd) {
            unwatch(w, watch);
            break;
        }
    if (events == 0)
        return 0;
    if ((watch = calloc(1, sizeof *watch)) == NULL)
        return -1;
    watch->waits = w;
    loop_fd_init(&watch->fd);
    if (loop_fd_add(w->loop, &watch->fd, fd, events & (LOOP_IN | LOOP_OUT), on_watch, watch) < 0) {
        int failed = errno;

        free(watch);
        errno = failed;
        return -1;
    }
    LIST_INSERT_HEAD(&w->watches, watch, link);
    return 0;
}

void waits_timer(struct waits *w, int64_t after_ns)
{
    int64_t now = clock_mono(), most = INT64_MAX - now;

    if (after_ns < 0)
        loop_timer_clear(w->loop, &w->timer);
    else
        loop_timer_set(w->loop, &w->timer, now + (after_ns < most ? after_ns : most), on_timer, w);
}

void waits_clear(struct waits *w)
{
    while (!LIST_EMPTY(&w->watches))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        unwatch(w, LIST_FIRST(&w->watches));
    if (w->loop != NULL)
        loop_timer_clear(w->loop, &w->timer);
}
