/* Carries batches for a peer that it plays itself, by `mode`:
 *   first    the first batch fails (later) as long as the file PATH.hold is there; all others arrive at once
 *   after    the first batch fails (later) once, and its peer asks for a pause of `time`; all others arrive at once
 *   stuck    the first batch is never confirmed; all others arrive at once
 *   open     no batch is ever confirmed
 *   dead     every batch fails (later)
 *   later    every batch arrives after `time`
 *   mix      the first batch arrives after `time`; no other is taken
 *   reject   every metric of every batch is rejected
 *   down     no batch is taken as long as PATH.hold is there
 *   drops    every batch fails (later) as long as PATH.hold is there
 * What arrives is appended to PATH, and how old (ms) the oldest metric in it is, to PATH.age.
 * Each attempt of the first batch goes to PATH.first, as "ATTEMPT MS". */
#include <errno.h>
#include <garnet/plugin.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "append.h"

#ifndef FLAGS
#define FLAGS 0
#endif

struct conf {
    const char *mode, *path;
    int64_t time;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED,
     .name = "mode",
     .help = "What the peer is like.",
     .offset = GARNET_FIELD_STR(struct conf, mode)},
    {.type = GARNET_PATH,
     .flags = GARNET_REQUIRED,
     .name = "path",
     .help = "Where to.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
    {.type = GARNET_DURATION,
     .name = "time",
     .def = "1s",
     .help = "How long it takes.",
     .offset = GARNET_FIELD_INT(struct conf, time)},
};

enum { MOST = 16 };
static struct {
    garnet_batch batch;
    int64_t due; /* mono ns */
    int answer;
} held[MOST];
static unsigned nheld;
static const struct conf *conf;

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static const char *file(const char *more)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s.%s", conf->path, more);
    return path;
}

static bool is(const char *mode)
{
    return strcmp(conf->mode, mode) == 0;
}

static bool holds(void)
{
    return access(file("hold"), F_OK) == 0;
}

/* Lines are "NAME TIME_NS". */
static void arrives(const garnet_batch *b)
{
    const char *at = b->data, *end = at + b->n;
    int64_t oldest = INT64_MAX;
    char line[64];

    for (; at < end; at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1) {
        int64_t time = strtoll(strchr(at, ' '), NULL, 10);

        oldest = time < oldest ? time : oldest;
    }
    snprintf(line, sizeof line, "%lld\n", (long long)(clock_ns(CLOCK_REALTIME) - oldest) / 1000000);
    append(file("age"), line, strlen(line));
    append(conf->path, b->data, b->n);
}

static void note_attempt(const garnet_batch *b)
{
    char line[64];

    snprintf(line, sizeof line, "%u %lld\n", b->attempt,
             (long long)clock_ns(CLOCK_MONOTONIC) / 1000000);
    append(file("first"), line, strlen(line));
}

static int keep(garnet *g, const garnet_batch *b, int64_t ns, int answer)
{
    held[nheld].batch = *b;
    held[nheld].due = clock_ns(CLOCK_MONOTONIC) + ns;
    held[nheld++].answer = answer;
    g->host->timer(g, 1000000);
    return GARNET_PENDING;
}

static int fail_later(garnet *g, const garnet_batch *b)
{
    return keep(g, b, 1000000, GARNET_RETRY);
}

static int reject_all(garnet *g, const garnet_batch *b)
{
    for (uint32_t i = 0; i < b->nmetrics; i++)
        g->host->reject(g, b->id, i, "it is not wanted");
    return GARNET_OK;
}

static int plugin_open(garnet *g)
{
    conf = g->conf;
    return GARNET_OK;
}

static int deliver(garnet *g, const garnet_batch *b)
{
    bool first = b->id == 1;

    if (first)
        note_attempt(b);
    if (is("dead") || (is("first") && first && holds()) ||
        (is("after") && first && b->attempt == 1) || (is("drops") && holds()))
        return fail_later(g, b);
    if ((is("stuck") && first) || is("open"))
        return keep(g, b, INT64_MAX / 2, GARNET_OK);
    if (is("later") || (is("mix") && first))
        return keep(g, b, conf->time, GARNET_OK);
    if (is("mix") || (is("down") && holds()))
        return g->host->fail(g, GARNET_RETRY, "not this one");
    if (is("reject"))
        return reject_all(g, b);
    arrives(b);
    return GARNET_OK;
}

static void confirm(garnet *g, const garnet_batch *b, int answer)
{
    if (answer == GARNET_OK)
        arrives(b);
    else
        (void)g->host->fail(g, answer, "its peer has failed");
    if (is("after"))
        g->host->retry_after(g, conf->time);
    g->host->confirm(g, b->id, answer);
}

static int event(garnet *g, int fd, uint32_t events)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    unsigned left = 0;

    (void)fd;
    (void)events;
    for (unsigned i = 0; i < nheld; i++)
        if (held[i].due <= now)
            confirm(g, &held[i].batch, held[i].answer);
        else
            held[left++] = held[i];
    nheld = left;
    if (nheld > 0)
        g->host->timer(g, 10000000);
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    g->host->putf(g, "%s %lld\n", m->name.s, (long long)m->time_ns);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "flight", .version = "1", .about = "Plays its peer.", GARNET_OPTIONS(options),
              .conf_size = sizeof(struct conf), .flags = FLAGS, .lines = 1, .open = plugin_open,
              .format = format, .deliver = deliver, .event = event);
