/* Carries batches asynchronously, as a client of a queue would: deliver() writes the batch's id and
 * metrics down and answers PENDING; a thread of the "peer's" answers later, through a pipe that is
 * watched. `answers`, one a delivery, then "ok" for ever:
 *   ok, retry, reject    what is confirmed, after the next delivery or a timer of 20 ms
 *   early                confirmed before deliver() has returned
 *   one                  the first metric of the batch is rejected, the rest is ok
 *   hang                 the next time it blocks until a signal, having said so in the file PATH.calls
 *   dead                 retry, from now on
 *   twice, wrong         broken promises: confirmed twice; an id that never was
 * What is confirmed is appended to `path`. Confirmations come in the opposite order of the
 * deliveries since the last. */
#include <errno.h>
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "append.h"

struct conf {
    const char *path;
    garnet_list answers;
};

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "Where to.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
    {.type = GARNET_LIST,
     .name = "answers",
     .help = "What to confirm with.",
     .offset = GARNET_FIELD_LIST(struct conf, answers)},
};

enum { MOST = 16 };
static struct {
    garnet_batch batch;
    const char *answer;
} held[MOST];
static unsigned nheld;
static size_t calls;
static int ends[2];
static bool dead;

static int plugin_open(garnet *g)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return g->host->fail(g, GARNET_RETRY, "pipe: %s", strerror(errno));
    if (g->host->watch(g, ends[0], GARNET_READABLE) < 0)
        return g->host->fail(g, GARNET_RETRY, "watch: %s", strerror(errno));
    return GARNET_OK;
}

static void plugin_close(garnet *g)
{
    (void)g;
    close(ends[0]);
    close(ends[1]);
}

static void confirm(garnet *g, const garnet_batch *b, const char *answer)
{
    const struct conf *c = g->conf;
    bool retry = dead || strcmp(answer, "retry") == 0 || strcmp(answer, "hang") == 0;
    int code = retry ? GARNET_RETRY : strcmp(answer, "reject") == 0 ? GARNET_REJECT : GARNET_OK;

    if (code != GARNET_OK)
        (void)g->host->fail(g, code, "the peer says %s", answer);
    else
        append(c->path, b->data, b->n); /* readable until now */
    g->host->confirm(g, b->id, code);
    if (strcmp(answer, "twice") == 0)
        g->host->confirm(g, b->id, code);
}

static int event(garnet *g, int fd, uint32_t events)
{
    char c;

    if (fd == -1 && write(ends[1], "x", 1) != 1)
        return g->host->fail(g, GARNET_FATAL, "write: %s", strerror(errno));
    if (fd != ends[0])
        return GARNET_OK;
    if ((events & GARNET_READABLE) == 0 || read(fd, &c, 1) != 1)
        return g->host->fail(g, GARNET_FATAL, "not readable after all");
    while (nheld > 0) {
        nheld--;
        confirm(g, &held[nheld].batch, held[nheld].answer);
    }
    return GARNET_OK;
}

static int hang(garnet *g)
{
    const struct conf *c = g->conf;
    char path[4096];

    snprintf(path, sizeof path, "%s.calls", c->path);
    append(path, "hangs\n", 6);
    (void)pause();
    return g->host->fail(g, GARNET_RETRY, "interrupted");
}

static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *c = g->conf;
    const char *answer = calls < c->answers.n ? c->answers.v[calls].s : "ok";

    calls++;
    dead = dead || strcmp(answer, "dead") == 0;
    if (strcmp(answer, "hang") == 0 && b->attempt > 1)
        return hang(g);
    if (strcmp(answer, "early") == 0) {
        confirm(g, b, "ok");
        return GARNET_PENDING;
    }
    if (strcmp(answer, "wrong") == 0) {
        g->host->confirm(g, b->id + 1000, GARNET_OK);
        return GARNET_PENDING;
    }
    if (strcmp(answer, "one") == 0) {
        g->host->reject(g, b->id, 0, "the first is always one too many");
        g->host->reject(g, b->id, 0, "told twice");
    }
    held[nheld].batch = *b;
    held[nheld++].answer = answer;
    g->host->timer(g, 20000000);
    return GARNET_PENDING;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "pending", .version = "1", .about = "Confirms later.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .lines = 1,
              .open = plugin_open, .close = plugin_close, .format = format, .deliver = deliver,
              .event = event, .max_pending = MOST);
