/* Collectors with their sockets, by name: reconciling what runs with what is configured.
 *
 * A collector that a reload changes keeps its socket, so that nothing written to it is lost; its
 * new configuration starts when nothing of the old run is left. What cannot be started (a socket
 * path that is taken, no descriptors, no memory) is logged and tried again each second; the others
 * do not notice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "intake/folder.h"

static void run_started(void *arg, int64_t slot_ns)
{
    struct collector_entry *m = arg;
    source_run(m->source, slot_ns);
}

/* Its metrics went elsewhere, and nobody misses them: it ended well. */
static void note_fruitless(struct collector_entry *m)
{
    bool nothing = m->source->accepted == 0 && m->source->rejected == 0;
    if (nothing && !m->brought_nothing && m->last.outcome == OUTCOME_OK)
        log_info("collector %s has ended with 0 and has not brought a metric yet: what it prints "
                 "only goes to this log; metrics go to the socket that is its last argument and in "
                 "GARNET_SOCKET, as `garnet emit` sends them",
                 m->conf->name);
    m->brought_nothing = nothing && (m->brought_nothing || m->last.outcome == OUTCOME_OK);
}

/* What the run sent before it ended is stamped with its slot and belongs to its receipt: all of it
 * is taken in first. */
static void run_ended(void *arg, const struct run_receipt *r)
{
    struct collector_entry *m = arg;
    m->last = *r;
    source_run_end(m->source, &m->last_accepted, &m->last_rejected);
    note_fruitless(m);
    selfmetrics_run(m);
    if (r->outcome == OUTCOME_LOST)
        orphans_end(m->d);
}

static uint64_t run_accepted(void *arg)
{
    const struct collector_entry *m = arg;
    return m->source->taken;
}

static int64_t run_withheld(void *arg)
{
    const struct collector_entry *m = arg;
    return source_withheld(m->source);
}

static void entry_free(struct collector_entry *m)
{
    struct daemon *d = m->d;
    struct collector_entry **link = &d->collectors;
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    if (m->source)
        source_close(m->source);
    generation_unref(m->gen);
    free(m);
    daemon_next(d);
}

static void entry_start(struct collector_entry *m);

static void run_gone(void *arg)
{
    struct collector_entry *m = arg;
    collector_free(m->run);
    m->run = NULL;
    if (m->leaving)
        entry_free(m);
    else
        entry_start(m);
}

static struct source_config source_config(const struct collector_entry *m, struct arena *a)
{
    const struct conf *c = m->gen->conf;
    return (struct source_config){.path = conf_collector_socket(a, c, m->conf->name),
                                  .own_groups = c->socket.own_groups,
                                  .mode = 0600,
                                  .uid = m->conf->identity.uid,
                                  .group = m->conf->identity.gid,
                                  .name = m->conf->name,
                                  .prefix = m->conf->prefix,
                                  .tags = {&c->tags, &m->conf->tags},
                                  .interval_ns = m->conf->interval,
                                  .window_ns = m->conf->mode == MODE_DAEMON ? m->conf->interval : 0,
                                  .series_limit = m->conf->series_limit,
                                  .metrics_limit = m->conf->metrics_limit,
                                  .bytes_limit = m->conf->bytes_limit};
}

/* Told once, however often it is tried. */
static void say_waiting(struct collector_entry *m, const char *why)
{
    if (!m->waiting)
        log_error("collector %s does not run yet: %s; trying again", m->conf->name, why);
    m->waiting = true;
}

/* A socket that stays gets the owner that the collector now runs as. */
static bool hand_over(const struct source *s, const struct conf_identity *id, char why[256])
{
    uid_t uid = id->uid != (uid_t)-1 ? id->uid : geteuid();
    gid_t gid = id->gid != (gid_t)-1 ? id->gid : getegid();
    const char *name;
    int dir = folder_find(s->path, s->own_groups, &name, why);
    if (dir < 0)
        return false;
    bool good = fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) == 0;
    if (!good)
        snprintf(why, 256, "cannot give %s to its user: %s", s->path, strerror(errno));
    fd_close(&dir);
    return good;
}

/* Its socket as configured, made or brought up to date. */
static bool entry_source(struct collector_entry *m)
{
    char why[256] = "out of memory";
    struct arena a = {0};
    struct source_config sc = source_config(m, &a);
    bool good = arena_ok(&a);
    if (good && m->source) {
        good = source_update(m->source, &sc) && hand_over(m->source, &m->conf->identity, why);
    } else if (good) {
        m->source = source_open(m->d->intake, &sc, why);
        good = m->source != NULL;
    }
    if (!good)
        say_waiting(m, why);
    arena_free(&a);
    return good;
}

/* Starts what is configured, unless the old run is still ending: then run_gone() comes here
 * again. */
static void entry_start(struct collector_entry *m)
{
    if (m->run)
        return;
    if (!m->conf->enabled) {
        if (m->source)
            source_close(m->source);
        m->source = NULL;
        return;
    }
    if (!entry_source(m))
        return;
    struct collector_events ev = {m, run_started, run_ended, run_gone, run_accepted};
    m->run = collector_new(m->d->loop, m->conf, m->gen->conf->host, m->source->path, &ev);
    if (!m->run) {
        say_waiting(m, strerror(errno));
        return;
    }
    collector_withheld_by(m->run, run_withheld);
    m->waiting = false;
    selfmetrics_collector(m);
}

static void entry_stop(struct collector_entry *m)
{
    if (m->run)
        collector_stop(m->run); /* and then run_gone() */
}

/* One that is leaving is found too: it has the socket that a new one would need. */
static struct collector_entry *find(struct daemon *d, const char *name)
{
    struct collector_entry *m = d->collectors;
    while (m && strcmp(m->conf->name, name) != 0)
        m = m->next;
    return m;
}

static struct collector_entry *entry_new(struct daemon *d)
{
    struct collector_entry *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->d = d;
    m->next = d->collectors;
    d->collectors = m;
    return m;
}

static void adopt(struct collector_entry *m, struct generation *g, const struct conf_collector *c)
{
    bool changed = !m->conf || m->conf->digest != c->digest;
    m->leaving = false;
    struct generation *old = m->gen;
    m->gen = generation_ref(g);
    m->conf = c;
    if (m->run)
        collector_adopt(m->run, c);
    if (changed && m->run)
        log_info("collector %s changed", c->name), entry_stop(m);
    else
        entry_start(m);
    generation_unref(old);
}

void collectors_apply(struct daemon *d, struct generation *g)
{
    for (struct conf_collector *c = g->conf->collectors; c; c = c->next) {
        struct collector_entry *m = find(d, c->name);
        if (!m)
            m = entry_new(d);
        if (m)
            adopt(m, g, c);
        else
            log_error("collector %s does not run: out of memory", c->name);
    }
    struct collector_entry *next;
    for (struct collector_entry *m = d->collectors; m; m = next) {
        next = m->next;
        if (m->gen == g || m->leaving)
            continue;
        log_info("collector %s is no longer configured", m->conf->name);
        m->leaving = true;
        if (m->run)
            entry_stop(m);
        else
            entry_free(m);
    }
}

static bool incomplete(struct daemon *d)
{
    for (const struct conf_collector *c = d->gen->conf->collectors; c; c = c->next) {
        const struct collector_entry *m = find(d, c->name);
        if (c->enabled && (!m || !m->run))
            return true;
    }
    return false;
}

void collectors_retry(struct daemon *d)
{
    if (d->phase == PHASE_RUNNING && incomplete(d))
        collectors_apply(d, d->gen);
}

void collectors_stop(struct daemon *d)
{
    struct collector_entry *next;
    for (struct collector_entry *m = d->collectors; m; m = next) {
        next = m->next;
        m->leaving = true;
        if (m->run)
            entry_stop(m);
        else
            entry_free(m);
    }
}

void collectors_kill(struct daemon *d)
{
    for (struct collector_entry *m = d->collectors; m; m = m->next) {
        if (m->run)
            collector_kill(m->run);
    }
}
