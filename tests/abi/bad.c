/* bad.c - a plugin with one thing wrong, BAD, for `garnet plugin test` to find */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What can be wrong; macros, since the preprocessor compares them too. */
#define NOTHING      0
#define SURPLUS      1
#define UNDEFINED    2
#define OTHER_ABI    3
#define CRASH        4
#define HANG         5
#define EXITS        6
#define DIFFERS      7
#define LINES        8
#define BREAKS_OUT   9
#define QUOTES       10
#define PERCENT      11
#define TOO_LONG     12
#define ANSWERS      13
#define BEGIN        14
#define OPEN_FAILS   15
#define FD_LEFT      16
#define FD_INHERITED 17
#define FD_CLOSED    18
#define MEMORY       19
#define MEMORY_CLOSE 20
#define CLOSES_ALL   21
#define PRINTS       22

static unsigned calls;
static int opened = -1;

#if BAD == SURPLUS
__attribute__((visibility("default"))) int helper(void);
__attribute__((visibility("default"))) int helper(void)
{
    return 1;
}
#endif
#if BAD == UNDEFINED /* the program that tests has it, a worker has not */
extern int json_object_seed(size_t seed);
#endif

static int open_(garnet *g)
{
    if (BAD == OPEN_FAILS)
        return g->host->fail(g, GARNET_RETRY, "nobody listens");
    if (BAD == FD_LEFT || BAD == FD_INHERITED)
        opened = open("/dev/null", O_RDONLY | (BAD == FD_LEFT ? O_CLOEXEC : 0));
    if (BAD == FD_CLOSED)
        (void)close(0);
    for (int fd = 0; BAD == CLOSES_ALL && fd < 1024; fd++)
        (void)close(fd);
    if (BAD == MEMORY_CLOSE)
        g->state = calloc(1, 1000);
    return GARNET_OK;
}

static void close_(garnet *g)
{
    (void)g;
    if (BAD == FD_INHERITED)
        (void)close(opened);
}

static int begin(garnet *g)
{
    static unsigned batches; /* which is allowed: it is no metric's */

    if (BAD == BEGIN)
        g->host->putf(g, "batch %u\n", ++batches);
    return GARNET_OK;
}

static void put_text(garnet *g, garnet_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.s[i];
        int bad = (c == ' ' && BAD != BREAKS_OUT) || (c == '"' && BAD != QUOTES) || c == '\\';

        g->host->put(g, bad ? "_" : &c, 1);
    }
}

static void misbehave(garnet *g, const garnet_metric *m)
{
    if (BAD == CRASH && m->ntags == 64)
        abort();
    if (BAD == HANG && m->ntags == 64)
        for (;;)
            (void)pause();
    if (BAD == EXITS && m->ntags == 64)
        exit(0);
    if (BAD == DIFFERS)
        g->host->putf(g, "%u ", ++calls);
    if (BAD == BEGIN && calls++ > 0) /* begin() should start to count anew */
        g->host->put(g, ",", 1);
    if (BAD == LINES && m->vtype == GARNET_U64)
        g->host->put(g, "\n", 1);
    if (BAD == PRINTS)
        printf("debugging %.3s\n", m->name.s);
    if (BAD == MEMORY)
        g->state = malloc(1000);
    if (BAD == TOO_LONG)
        for (int i = 0; i < 300; i++)
            g->host->putf(g, "%1000d", i);
}

static int format(garnet *g, const garnet_metric *m)
{
    misbehave(g, m);
    if (BAD == ANSWERS)
        return 77;
    g->host->put(g, "\"", 1);
#if BAD == PERCENT
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (m->name.s[0] == 'a') /* not all of them: what it makes of %n is not the point */
        g->host->putf(g, m->name.s);
#else
    put_text(g, m->name);
#endif
    g->host->put(g, "\" ", 2);
    if (m->ntags > 0)
        put_text(g, m->tags[0].val);
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
#if BAD == UNDEFINED
    if (m->ntags > 1000)
        g->host->putf(g, "%d", json_object_seed(1));
#endif
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

#if BAD == OTHER_ABI
#define garnet_plugin_v1 garnet_plugin_v2
#endif
GARNET_PLUGIN(.name = "bad", .version = "1", .about = "One thing is wrong with it.",
              .lines = BAD == BEGIN || BAD == TOO_LONG ? 0 : 1, .open = open_, .close = close_,
              .begin = begin, .format = format);
