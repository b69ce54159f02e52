/* Counts by itself what it delivers, into the file `path`: counters "batches" and "bytes", a gauge "level", which is one
 * below zero for each batch. A metric called die.*: it crashes once (until the file PATH.died is there) having
 * counted it. One called wrong.*: measure() in format(); back.*: a counter is to go back. With OTHER it has
 * another row in the place of "batches". */
#include <fcntl.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "append.h"

struct conf {
    const char *path;
};

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "Where to.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
};

enum { BATCHES, BYTES, LEVEL };
static const garnet_stat stats[] = {
#ifdef OTHER
    {GARNET_COUNTER, 0, "others", "Event", "Batches, by another name."},
#else
    {GARNET_COUNTER, 0, "batches", "Event", "Batches."},
#endif
    {GARNET_COUNTER, 0, "bytes", "B", "Bytes of them."},
    {GARNET_GAUGE, 0, "level", NULL, "One less for each batch."},
};
static int level;

static int plugin_open(garnet *g)
{
    g->host->measure(g, LEVEL, 7);
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    if (strncmp(m->name.s, "wrong.", 6) == 0)
        g->host->measure(g, BYTES, 1);
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

static void die_once(const char *path)
{
    char died[4096];

    (void)snprintf(died, sizeof died, "%s.died", path);
    if (access(died, F_OK) == 0)
        return;
    append(died, "x", 1);
    abort();
}

static int deliver(garnet *g, const garnet_batch *b)
{
    const struct conf *conf = g->conf;

    g->host->measure(g, BATCHES, 1);
    g->host->measure(g, BYTES, (int64_t)b->n);
    g->host->measure(g, LEVEL, --level);
    if (b->n > 4 && memcmp(b->data, "die.", 4) == 0)
        die_once(conf->path);
    if (b->n > 5 && memcmp(b->data, "back.", 5) == 0)
        g->host->measure(g, BATCHES, -1);
    append(conf->path, b->data, b->n);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "stats", .version = "1", .about = "Counts by itself.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .lines = 1, .open = plugin_open, .format = format, .deliver = deliver,
              GARNET_STATS(stats));
