/* A plugin that delivers to a file, `path`, a line a metric, with one fault, or none, for `garnet plugin test --deliver`:
 *   none     writes each batch, and answers OK
 *   later    takes it, answers PENDING, and writes and confirms it a moment later: no fault
 *   early    answers OK at once, and writes a moment later or when it is plenty, in close() at the latest
 *   forgets  likewise, and in close() it throws away what it has
 *   twice    answers RETRY to some batches that it has written
 *   sleeps   close() takes its time, whatever signal comes
 *   crashes  at its third batch
 * As long as the file `trouble` is there its peer hangs, or where "down" is in it, refuses: then it answers RETRY. */
#include <errno.h>
#include <garnet/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "append.h"

struct conf {
    const char *path, *trouble;
    int64_t fault;
};

enum { NONE, LATER, EARLY, FORGETS, TWICE, SLEEPS, CRASHES };

static const garnet_option options[] = {
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "The file.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
    {.type = GARNET_PATH,
     .name = "trouble",
     .help = "The file that says that its peer is in trouble.",
     .offset = GARNET_FIELD_STR(struct conf, trouble)},
    {.type = GARNET_CHOICE,
     .name = "fault",
     .def = "none",
     .choices = "none|later|early|forgets|twice|sleeps|crashes",
     .help = "What is wrong with it.",
     .offset = GARNET_FIELD_INT(struct conf, fault)},
};

static const int64_t MOMENT = 300000000;
enum { PLENTY = 16 << 10, PENDING_MOST = 16 /* as the host has it, unless told */ };

/* What waits for its moment: all of the batches' bytes, and their ids. */
static char bytes[PENDING_MOST << 20];
static size_t used;
static uint64_t ids[PENDING_MOST];
static unsigned nids;

static int64_t fault_of(garnet *g)
{
    return ((const struct conf *)g->conf)->fault;
}

static void write_all(garnet *g)
{
    append(((const struct conf *)g->conf)->path, bytes, used);
    used = 0;
}

static void plugin_close(garnet *g)
{
    struct timespec left = {.tv_sec = 20};

    if (fault_of(g) == EARLY)
        write_all(g);
    while (fault_of(g) == SLEEPS && nanosleep(&left, &left) < 0)
        continue;
}

static int event(garnet *g, int fd, uint32_t events)
{
    (void)fd, (void)events;
    write_all(g);
    while (nids > 0)
        g->host->confirm(g, ids[--nids], GARNET_OK);
    return GARNET_OK;
}

/* RETRY, or OK when there is none, or none any more. */
static int wait_for_peer(garnet *g)
{
    const struct conf *c = g->conf;
    const struct timespec pause = {.tv_nsec = 20000000};
    char what[8] = "";
    int fd;

    while (c->trouble != NULL && (fd = open(c->trouble, O_RDONLY | O_CLOEXEC)) >= 0) {
        ssize_t n = read(fd, what, sizeof what - 1);

        close(fd);
        if (n >= 4 && memcmp(what, "down", 4) == 0)
            return g->host->fail(g, GARNET_RETRY, "the peer is down");
        if (nanosleep(&pause, NULL) < 0 && errno == EINTR)
            return g->host->fail(g, GARNET_RETRY, "interrupted");
    }
    return GARNET_OK;
}

static int deliver(garnet *g, const garnet_batch *b)
{
    static unsigned calls;
    int64_t fault = fault_of(g);

    if (wait_for_peer(g) != GARNET_OK)
        return GARNET_RETRY;
    if (fault == CRASHES && ++calls == 3)
        abort();
    memcpy(bytes + used, b->data, b->n);
    used += b->n;
    if (fault == LATER || fault == EARLY || fault == FORGETS)
        g->host->timer(g, MOMENT);
    if (fault == LATER) {
        ids[nids++] = b->id;
        return GARNET_PENDING;
    }
    if ((fault == EARLY || fault == FORGETS) && used < PLENTY)
        return GARNET_OK;
    write_all(g);
    if (fault == TWICE && b->attempt == 1 && b->id % 8 == 1)
        return g->host->fail(g, GARNET_RETRY, "no answer in time");
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->put(g, m->name.s, m->name.n);
    g->host->put(g, "\n", 1);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "careless", .version = "1", .about = "Delivers to a file, with a fault.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .lines = 1,
              .close = plugin_close, .format = format, .deliver = deliver, .event = event);
