/* Delivers by itself, into a file; `answers` come first, one a call, then OK for ever. "hang"
 * blocks until a signal, "sleep" through all of them. Before each delivery "ATTEMPT NMETRICS"
 * goes to the file PATH.calls. */
#include <errno.h>
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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
     .help = "What to answer.",
     .offset = GARNET_FIELD_LIST(struct conf, answers)},
};

static size_t calls;

static int hang(garnet *g)
{
    const struct timespec long_time = {.tv_sec = 600};

    if (nanosleep(&long_time, NULL) < 0 && errno == EINTR)
        return g->host->fail(g, GARNET_RETRY, "interrupted");
    return GARNET_OK;
}

static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *c = g->conf;
    const char *answer = calls < c->answers.n ? c->answers.v[calls].s : "ok";
    char path[4096], line[64];

    calls++;
    snprintf(path, sizeof path, "%s.calls", c->path);
    snprintf(line, sizeof line, "%u %u\n", b->attempt, b->nmetrics);
    append(path, line, strlen(line));
    if (strcmp(answer, "retry") == 0)
        return g->host->fail(g, GARNET_RETRY, "later");
    if (strcmp(answer, "reject") == 0)
        return g->host->fail(g, GARNET_REJECT, "never");
    if (strcmp(answer, "fatal") == 0)
        return g->host->fail(g, GARNET_FATAL, "out of order");
    if (strcmp(answer, "hang") == 0)
        return hang(g);
    while (strcmp(answer, "sleep") == 0)
        hang(g);
    append(c->path, b->data, b->n);
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "deliver", .version = "1", .about = "Answers from a list.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .lines = 1,
              .format = format, .deliver = deliver);
