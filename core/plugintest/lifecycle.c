/* plugintest/lifecycle.c - what a plugin is asked for from its file to its close()
 *
 * The file's symbols are read before it is loaded, so that what it exports can be said even when it cannot
 * be loaded. Descriptors are looked up one by one. Memory is what malloc() has handed out, its own
 * caches included, so only what grows in each of several windows is a leak; the sanitizers' malloc
 * cannot be asked.
 */
#include "plugintest/lifecycle.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "plugintest/battery.h"
#include "plugintest/elf.h"
#include "plugintest/trial.h"

enum { FDS = 1024, WINDOWS = 6, ROUNDS = 10 };

static const char SYMBOL[] = "garnet_plugin_v1";

struct found {
    struct buf surplus, other_abi; /* names, for a message */
    bool symbol;
};

static void put_name(struct buf *b, const char *name)
{
    if (b->n <= 200)
        buf_putf(b, "%s%s", b->n > 0 ? ", " : "", name);
}

static void note_export(void *arg, const char *name, enum elf_symbol kind)
{
    struct found *f = arg;

    if (kind == ELF_WANTED)
        return;
    if (strcmp(name, SYMBOL) == 0)
        f->symbol = true;
    else if (strncmp(name, "garnet_plugin_v", 15) == 0)
        put_name(&f->other_abi, name);
    else if (kind != ELF_WEAK) /* C++ templates are weak, and cannot be hidden by a flag */
        put_name(&f->surplus, name);
}

static void judge_wanted(void *arg, const char *name, enum elf_symbol kind)
{
    struct trial *t = arg;

    if (kind == ELF_WANTED && !elf_resolves(t->plugin.handle, name))
        trial_fail(t,
                   "it uses %s, which neither it nor a library that it is linked to has: link with "
                   "the one that does (-lNAME)",
                   name);
}

static void judge_exports(struct trial *t, const struct found *f)
{
    if (!f->symbol && f->other_abi.n > 0)
        trial_fail(t, "ABI: wanted %s, found %.*s: build it with this Garnet's header", SYMBOL,
                   (int)f->other_abi.n, f->other_abi.p);
    else if (!f->symbol)
        trial_fail(t,
                   "it does not export %s: end its source with GARNET_PLUGIN(...), and link with "
                   "-shared",
                   SYMBOL);
    if (f->surplus.n > 0)
        trial_fail(t,
                   "it also exports %.*s: compile with -fvisibility=hidden, and make your own "
                   "functions static",
                   (int)f->surplus.n, f->surplus.p);
}

int check_load(void *arg)
{
    struct trial *t = arg;
    struct found f = {0};
    struct why why;
    bool readable;

    t->check = "symbols";
    readable = elf_read(t->file, note_export, &f, &why);
    if (readable)
        judge_exports(t, &f);
    else
        trial_fail(t, "it %s", why.text);
    buf_free(&f.surplus);
    buf_free(&f.other_abi);
    if (!readable || !f.symbol)
        return 1;
    t->check = "load";
    if (!trial_load(t))
        return 1;
    t->check = "symbols";
    (void)elf_read(t->file, judge_wanted, t, &why);
    (void)trial_end(t, "it exports %s alone, and all it uses is there", SYMBOL);
    child_say(t->child, "ok   load: %s %s, built for ABI 1.%u; this Garnet has 1.%d\n",
              t->plugin.def.name, t->plugin.def.version, t->plugin.def.abi_minor, GARNET_ABI_MINOR);
    return t->failures > 0;
}

int check_options(void *arg)
{
    struct trial *t = arg;

    if (trial_load(t) && trial_configure(t))
        return trial_end(t, "%u rows, filled as given", t->plugin.def.noptions);
    return 1;
}

/* --- open() and close() --- */

static void look_at_fds(bool open[FDS])
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

/* Some libraries cannot do otherwise: so it is told, and nothing more. */
static void look_at_cloexec(struct trial *t, const bool before[FDS])
{
    for (int fd = 0; fd < FDS; fd++) {
        int flags = fcntl(fd, F_GETFD);

        if (flags >= 0 && !before[fd] && (flags & FD_CLOEXEC) == 0)
            child_say(t->child,
                      "look open: it opens descriptor %d (%s) without close-on-exec: O_CLOEXEC, "
                      "SOCK_CLOEXEC. Where a library does it, that matters only to programs that "
                      "the plugin starts\n",
                      fd, fd_name(fd));
    }
}

int check_open(void *arg)
{
    struct trial *t = arg;
    bool before[FDS];

    look_at_fds(before);
    if (!trial_ready(t, TRIAL_BATCH))
        return 1;
    look_at_cloexec(t, before);
    judge_closed(t, before);
    return trial_end(t, "open() answers OK");
}

static void feed_one(void *arg, const struct metric *m, const char *what)
{
    struct trial *t = arg;

    child_doing(t->child, CHILD_CALLS, "format() of a metric with %s", what);
    if (batch_add(&t->batch, m, 0, 1) == BATCH_FULL)
        batch_begin(&t->batch);
}

static void feed_all(struct trial *t)
{
    batch_begin(&t->batch);
    battery_each(t, feed_one);
    (void)batch_end(&t->batch);
}

static void close_plugin(struct trial *t)
{
    child_doing(t->child, CHILD_BLOCKS, "close()");
    if (plugin_close(&t->plugin) != GARNET_OK)
        trial_fail(t, "%s", plugin_why(&t->plugin));
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

static void open_and_close(struct trial *t)
{
    if (!trial_open(t))
        return;
    batch_begin(&t->batch);
    feed_one(t, battery_with('x', 0), "plain texts");
    close_plugin(t);
}

static void judge_memory(struct trial *t)
{
    size_t cost;

    if (t->failures > 0 || !trial_open(t))
        return;
    cost = leak(t, feed_all);
    close_plugin(t);
    if (cost > 0)
        trial_fail(t,
                   "the same metrics again and again cost %zu bytes of memory each round: free "
                   "what format() allocates",
                   cost);
    cost = leak(t, open_and_close);
    if (cost > 0)
        trial_fail(t, "open() and close() leave %zu bytes of memory behind: close() must free it",
                   cost);
}

static void judge_fds(struct trial *t, const bool before[FDS])
{
    bool now[FDS];

    look_at_fds(now);
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

    look_at_fds(before);
    if (!trial_ready(t, TRIAL_BATCH))
        return 1;
    feed_all(t);
    close_plugin(t);
    judge_fds(t, before);
    judge_memory(t);
    return trial_end(t, "no descriptor and no memory is left behind");
}
