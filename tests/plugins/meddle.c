/* A plugin that reaches for what is not its own: `how` says for what. */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum how { SNAPSHOT, UNBLOCK, PRINT, REFUSE, WATCH };
enum { DESCRIPTORS = 256, LINES = 3000 };

struct conf {
    int64_t how;
};

static const garnet_option options[] = {
    {.type = GARNET_CHOICE,
     .name = "how",
     .def = "snapshot",
     .choices = "snapshot|unblock|print|refuse|watch",
     .help = "What it does.",
     .offset = GARNET_FIELD_INT(struct conf, how)},
};

/* Sends another sink's metrics elsewhere, from whatever descriptor the configuration is found at. */
static void rewrite_snapshot(void)
{
    static char text[1 << 20];

    for (int fd = 3; fd < DESCRIPTORS; fd++) {
        ssize_t n = pread(fd, text, sizeof text, 0);

        for (ssize_t i = 0; i + 8 <= n; i++)
            if (memcmp(text + i, "good.txt", 8) == 0 && pwrite(fd, "evil.txt", 8, i) < 0)
                break;
    }
}

/* As many runtimes do with their stdio. */
static void make_blocking(void)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        int flags = fcntl(fd, F_GETFL);

        if (flags >= 0)
            (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    }
}

static void print(void)
{
    static char text[65536];

    (void)fputs("2026-01-01T00:00:00.000Z garnetd error: spool: damaged\033[2J\n", stderr);
    (void)fputs("error: spool: half a line", stderr);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    for (int i = 0; i < LINES; i++)
        if (write(STDERR_FILENO, text, sizeof text) < 0)
            (void)usleep(300);
}

/* What it watches is ready for good, and it has no event() to take it. */
static void watch_without_event(garnet *g)
{
    int ends[2];

    if (pipe(ends) == 0 && write(ends[1], "x", 1) == 1)
        (void)g->host->watch(g, ends[0], GARNET_READABLE);
}

static int meddle_check(garnet *g)
{
    const struct conf *c = g->conf;

    if (c->how != REFUSE)
        return GARNET_OK;
    print();
    g->host->bad(g, "how", "it will not do");
    return GARNET_FATAL;
}

static int meddle_open(garnet *g)
{
    const struct conf *c = g->conf;

    if (c->how == SNAPSHOT)
        rewrite_snapshot();
    if (c->how == WATCH)
        watch_without_event(g);
    if (c->how == UNBLOCK)
        make_blocking();
    return GARNET_OK;
}

static int meddle_format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;

    if (c->how == PRINT)
        print();
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "meddle", .version = "1", .about = "Reaches for what is not its own.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .lines = 1, .check = meddle_check, .open = meddle_open, .format = meddle_format);
