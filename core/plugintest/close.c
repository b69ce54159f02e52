/* plugintest/close.c - checks of open() and close(): what is opened, and what is left behind
 *
 * Descriptors are looked up one by one. Memory is what malloc() has handed out, its own caches
 * included, so only what grows in each of several windows is a leak; the sanitizers' malloc cannot
 * be asked. Fails by
 * FAIL lines.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "plugintest/battery.h"
#include "plugintest/trial.h"

enum { FDS = 1024, WINDOWS = 6, ROUNDS = 10 };

static void look(bool open[FDS])
{
    for (int fd = 0; fd < FDS; fd++)
        open[fd] = fcntl(fd, F_GETFD) >= 0;
}

static const char *fd_name(int fd)
{
    static char name[160];
    char path[32];
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, name, sizeof name - 1);
    name[n > 0 ? n : 0] = 0;
    return name;
}

/* "0, 1" */
static void judge_closed(struct trial *t, const bool before[FDS])
{
    char list[80] = "";
    size_t n = 0;

    for (int fd = 0; fd < FDS && n + 8 < sizeof list; fd++)
        if (before[fd] && fcntl(fd, F_GETFD) < 0)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%d", n > 0 ? ", " : "", fd);
    if (n > 0)
        trial_fail(t, "it closes descriptors that it did not open: %s", list);
}

static void judge_cloexec(struct trial *t, const bool before[FDS])
{
    for (int fd = 0; fd < FDS; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags >= 0 && !before[fd] && (flags & FD_CLOEXEC) == 0)
            trial_fail(t,
                       "it opens descriptor %d (%s) without close-on-exec: O_CLOEXEC, SOCK_CLOEXEC",
                       fd, fd_name(fd));
    }
}

int check_open(void *arg)
{
    struct trial *t = arg;
    bool before[FDS];

    look(before);
    if (!trial_ready(t, TRIAL_BATCH))
        return 1;
    judge_cloexec(t, before);
    judge_closed(t, before);
    return trial_end(t, "open() answers OK");
}

static void feed_one(void *arg, const struct metric *m, const char *what)
{
    struct trial *t = arg;

    child_doing(t->child, CHILD_CALLS, "format() of a metric with %s", what);
    if (batch_add(&t->batch, m, 0, 1) == BATCH_FULL)
        batch_begin(&t->batch, 0);
}

static void feed(struct trial *t)
{
    batch_begin(&t->batch, 0);
    battery_each(t, feed_one);
    (void)batch_end(&t->batch);
}

static void shut(struct trial *t)
{
    child_doing(t->child, CHILD_BLOCKS, "close()");
    plugin_close(&t->plugin);
}

static size_t in_use(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* Bytes that each round costs, however often it is repeated; 0: none. */
static size_t leak(struct trial *t, void (*round)(struct trial *t))
{
    size_t before, cost = 1;

    for (int window = 0; window < WINDOWS && cost > 0 && t->failures == 0; window++) {
        before = in_use();
        for (int i = 0; i < ROUNDS; i++)
            round(t);
        cost = in_use() > before ? (in_use() - before) / ROUNDS : 0;
    }
    return t->failures == 0 ? cost : 0;
}

static void cycle(struct trial *t)
{
    if (!trial_open(t))
        return;
    batch_begin(&t->batch, 0);
    feed_one(t, battery_with('x', 0), "plain texts");
    shut(t);
}

static void judge_memory(struct trial *t)
{
    size_t cost;

    if (t->failures > 0 || !trial_open(t))
        return;
    cost = leak(t, feed);
    shut(t);
    if (cost > 0)
        trial_fail(t,
                   "the same metrics again and again cost %zu bytes of memory each round: free "
                   "what format() allocates",
                   cost);
    cost = leak(t, cycle);
    if (cost > 0)
        trial_fail(t, "open() and close() leave %zu bytes of memory behind: close() must free it",
                   cost);
}

static void judge_fds(struct trial *t, const bool before[FDS])
{
    bool now[FDS];

    look(now);
    judge_closed(t, before);
    for (int fd = 0; fd < FDS; fd++)
        if (now[fd] && !before[fd])
            trial_fail(t, "descriptor %d (%s) is still open after close(): close it", fd,
                       fd_name(fd));
}

int check_close(void *arg)
{
    struct trial *t = arg;
    bool before[FDS];

    look(before);
    if (!trial_ready(t, TRIAL_BATCH))
        return 1;
    feed(t);
    shut(t);
    judge_fds(t, before);
    judge_memory(t);
    return trial_end(t, "no descriptor and no memory is left behind");
}
