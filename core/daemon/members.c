/* Collectors with their sockets, by name: reconciling what runs with what is configured.
 *
 * A collector that a reload changes keeps its socket, so that nothing written to it is lost; its
 * new configuration starts when nothing of the old run is left. What cannot be started (a socket
 * path that is taken, no descriptors) is logged and tried again with the next reload; the others
 * do not notice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/daemon.h"

static void run_started(void *arg, int64_t slot_ns)
{
    struct member *m = arg;
    source_run(m->source, slot_ns);
}

/* What the run sent and closed before it ended is stamped with its slot: take its connections
 * first. */
static void run_ended(void *arg, const struct run_receipt *r)
{
    struct member *m = arg;
    source_accept(m->source);
    m->source->slot_ns = 0;
    m->last = *r;
}

static void member_free(struct member *m)
{
    struct daemon *d = m->d;
    struct member **link = &d->members;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    if (m->source)
        source_close(m->source);
    generation_unref(m->gen);
    free(m);
    daemon_next(d);
}

static void member_start(struct member *m);

static void run_gone(void *arg)
{
    struct member *m = arg;
    collector_free(m->run);
    m->run = NULL;
    if (m->leaving)
        member_free(m);
    else
        member_start(m);
}

static struct source_config source_config(const struct member *m, struct arena *a)
{
    const struct conf *c = m->gen->conf;
    return (struct source_config){.path = conf_collector_socket(a, c, m->conf->name),
                                  .mode = 0600,
                                  .group = (gid_t)-1,
                                  .name = m->conf->name,
                                  .prefix = m->conf->prefix,
                                  .tags = {&c->tags, &m->conf->tags},
                                  .interval_ns = m->conf->interval,
                                  .series_limit = m->conf->series_limit,
                                  .metrics_limit = m->conf->metrics_limit,
                                  .bytes_limit = m->conf->bytes_limit};
}

/* Its socket as configured, made or brought up to date. */
static bool member_source(struct member *m)
{
    char why[256] = "out of memory";
    struct arena a = {0};
    struct source_config sc = source_config(m, &a);
    bool good = arena_ok(&a);
    if (good && m->source) {
        good = source_update(m->source, &sc);
    } else if (good) {
        m->source = source_open(m->d->intake, &sc, why);
        good = m->source != NULL;
    }
    if (!good)
        log_error("collector %s: its socket: %s; it does not run", m->conf->name, why);
    arena_free(&a);
    return good;
}

/* Starts what is configured, unless the old run is still ending: then run_gone() comes here
 * again. */
static void member_start(struct member *m)
{
    if (m->run)
        return;
    if (!m->conf->enabled) {
        if (m->source)
            source_close(m->source);
        m->source = NULL;
        return;
    }
    if (!member_source(m))
        return;
    struct collector_events ev = {m, run_started, run_ended, run_gone};
    m->run = collector_new(m->d->loop, m->conf, m->source->path, &ev);
    if (!m->run)
        log_error("collector %s does not run: %s", m->conf->name, strerror(errno));
}

static void member_stop(struct member *m)
{
    if (m->run)
        collector_stop(m->run); /* and then run_gone() */
}

static struct member *find(struct daemon *d, const char *name)
{
    struct member *m = d->members;
    while (m && (m->leaving || strcmp(m->conf->name, name) != 0))
        m = m->next;
    return m;
}

static struct member *member_new(struct daemon *d)
{
    struct member *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->d = d;
    m->next = d->members;
    d->members = m;
    return m;
}

static void adopt(struct member *m, struct generation *g, const struct conf_collector *c)
{
    bool changed = !m->conf || m->conf->digest != c->digest;
    struct generation *old = m->gen;
    m->gen = generation_ref(g);
    m->conf = c;
    if (m->run)
        collector_adopt(m->run, c);
    if (changed && m->run)
        log_info("collector %s changed", c->name), member_stop(m);
    else
        member_start(m);
    generation_unref(old);
}

/* One that is leaving but still has a run of the same name alive: a new member would need its
 * socket. It is called back instead. */
static struct member *call_back(struct daemon *d, const char *name)
{
    for (struct member *m = d->members; m; m = m->next) {
        if (m->leaving && strcmp(m->conf->name, name) == 0) {
            m->leaving = false;
            return m;
        }
    }
    return NULL;
}

void members_apply(struct daemon *d, struct generation *g)
{
    for (struct conf_collector *c = g->conf->collectors; c; c = c->next) {
        struct member *m = find(d, c->name);
        if (!m)
            m = call_back(d, c->name);
        if (!m)
            m = member_new(d);
        if (m)
            adopt(m, g, c);
        else
            log_error("collector %s does not run: out of memory", c->name);
    }
    struct member *next;
    for (struct member *m = d->members; m; m = next) {
        next = m->next;
        if (m->gen == g || m->leaving)
            continue;
        log_info("collector %s is no longer configured", m->conf->name);
        m->leaving = true;
        if (m->run)
            member_stop(m);
        else
            member_free(m);
    }
}

void members_stop(struct daemon *d)
{
    struct member *next;
    for (struct member *m = d->members; m; m = next) {
        next = m->next;
        m->leaving = true;
        if (m->run)
            member_stop(m);
        else
            member_free(m);
    }
}
