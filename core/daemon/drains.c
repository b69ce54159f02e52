/* Sinks with their workers and cursors, by name: reconciling what runs with what is configured.
 *
 * garnetd makes cursors and lists them; the worker alone moves them. A changed sink's worker is
 * asked to finish and the new one goes on at the same cursor. A removed sink takes its cursor
 * along: it holds no segment back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/cursor.h"
#include "spool/segment.h"

static const int64_t reload_grace = 1 * NS_PER_S; /* for a worker that a reload replaces */

static uint64_t oldest_seq(struct daemon *d)
{
    struct segment_list l = {0};
    uint64_t seq = append_next_seq(d->spool);
    if (segment_list(append_dirfd(d->spool), &l) == 0 && l.n > 0)
        seq = l.first_seq[0];
    segment_list_free(&l);
    return seq;
}

/* A sink's place in the spool: the one it had, or a new one. False when it cannot be made. */
static bool ensure_cursor(struct daemon *d, const struct conf_sink *s)
{
    int dir = append_dirfd(d->spool);
    struct cursor_state st;
    if (cursor_read(dir, s->name, &st) == 0)
        return true;
    int why = errno;
    bool lost = cursor_listed(dir, s->name);
    uint64_t start = lost || s->start == START_OLDEST ? oldest_seq(d) : append_next_seq(d->spool);
    if (lost)
        log_warn("sink %s: its cursor is lost (%s): it starts at the oldest metric in the spool, "
                 "repeating what it had sent",
                 s->name, strerror(why));
    if (cursor_create(dir, s->name, start) == 0)
        return true;
    log_error("sink %s: its cursor cannot be made: %m", s->name);
    return false;
}

static void list_cursors(struct daemon *d)
{
    const char *names[1024];
    unsigned n = 0;
    for (struct drain *o = d->drains; o; o = o->next) {
        if (!o->leaving && n < sizeof names / sizeof *names)
            names[n++] = o->conf->name;
    }
    if (cursor_list_write(append_dirfd(d->spool), names, n) != 0)
        log_error("spool: the list of sinks cannot be written: %m");
}

static void drain_start(struct drain *o)
{
    if (o->worker || !ensure_cursor(o->d, o->conf))
        return;
    bool to_stdout = false;
    for (size_t i = 0; i < o->conf->to.n; i++)
        to_stdout |= strcmp(o->conf->to.v[i], "stdout") == 0;
    struct worker_config wc = {.program = o->d->sink_program,
                               .name = o->conf->name,
                               .snapshot_fd = o->gen->snapshot_fd,
                               .stdout_fd = to_stdout ? STDOUT_FILENO : -1};
    o->worker = worker_new(o->d->loop, &wc);
    if (!o->worker)
        log_error("sink %s has no worker: out of memory", o->conf->name);
}

static void drain_free(struct drain *o)
{
    struct daemon *d = o->d;
    struct drain **link = &d->drains;
    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
    generation_unref(o->gen);
    free(o);
    daemon_next(d);
}

static void forget(struct drain *o)
{
    struct cursor_state st;
    int dir = append_dirfd(o->d->spool);
    uint64_t queued = 0;
    if (cursor_read(dir, o->conf->name, &st) == 0 && append_next_seq(o->d->spool) > st.position)
        queued = append_next_seq(o->d->spool) - st.position;
    log_info(
        "sink %s is no longer configured: its cursor is removed, %llu metrics were queued for it",
        o->conf->name, (unsigned long long)queued);
    if (cursor_remove(dir, o->conf->name) != 0)
        log_warn("sink %s: its cursor cannot be removed: %m", o->conf->name);
}

static void worker_gone(void *arg)
{
    struct drain *o = arg;
    worker_free(o->worker);
    o->worker = NULL;
    if (!o->leaving) {
        drain_start(o);
        return;
    }
    if (o->d->phase == PHASE_RUNNING)
        forget(o);
    drain_free(o);
}

static void drain_stop(struct drain *o, int64_t grace)
{
    if (o->worker)
        worker_stop(o->worker, grace, worker_gone, o);
}

static struct drain *find(struct daemon *d, const char *name)
{
    struct drain *o = d->drains;
    while (o && strcmp(o->conf->name, name) != 0)
        o = o->next;
    return o;
}

static struct drain *drain_new(struct daemon *d)
{
    struct drain *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->d = d;
    o->next = d->drains;
    d->drains = o;
    return o;
}

/* An unchanged sink keeps its worker, its connection, and the generation its worker was started
 * with. */
static void adopt(struct drain *o, struct generation *g, const struct conf_sink *s)
{
    o->leaving = false; /* a removed sink that is back before its worker had gone */
    bool changed = o->conf && o->conf->digest != s->digest;
    if (o->conf && !changed && o->worker)
        return;
    generation_unref(o->gen);
    o->gen = generation_ref(g);
    o->conf = s;
    if (changed)
        log_info("sink %s changed: its worker is replaced", s->name);
    if (o->worker)
        drain_stop(o, reload_grace);
    else
        drain_start(o);
}

static bool configured(const struct conf *c, const char *name)
{
    const struct conf_sink *s = c->sinks;
    while (s && strcmp(s->name, name) != 0)
        s = s->next;
    return s != NULL;
}

/* A cursor from an earlier life of garnetd whose sink has been removed from the configuration
 * since. */
static void drop_stale(void *arg, const char *name)
{
    struct daemon *d = arg;
    if (find(d, name))
        return;
    log_info("sink %s is no longer configured: its cursor is removed", name);
    if (cursor_remove(append_dirfd(d->spool), name) != 0 && errno != ENOENT)
        log_warn("sink %s: its cursor cannot be removed: %m", name);
}

void drains_apply(struct daemon *d, struct generation *g)
{
    struct drain *next;
    for (struct drain *o = d->drains; o; o = next) {
        next = o->next;
        if (o->leaving || configured(g->conf, o->conf->name))
            continue;
        o->leaving = true;
        if (o->worker)
            drain_stop(o, reload_grace);
        else
            forget(o), drain_free(o);
    }
    for (struct conf_sink *s = g->conf->sinks; s; s = s->next) {
        struct drain *o = find(d, s->name);
        if (!o)
            o = drain_new(d);
        if (o)
            adopt(o, g, s);
        else
            log_error("sink %s does not run: out of memory", s->name);
    }
    cursor_list_each(append_dirfd(d->spool), drop_stale, d);
    list_cursors(d);
}

void drains_stop(struct daemon *d, int64_t grace)
{
    struct drain *next;
    for (struct drain *o = d->drains; o; o = next) {
        next = o->next;
        o->leaving = true;
        if (o->worker)
            drain_stop(o, grace);
        else
            drain_free(o);
    }
}

void drains_wake(struct daemon *d)
{
    for (struct drain *o = d->drains; o; o = o->next) {
        if (o->worker)
            worker_wake(o->worker);
    }
}

uint64_t drains_needed(struct daemon *d)
{
    uint64_t needed = append_next_seq(d->spool);
    for (struct drain *o = d->drains; o; o = o->next) {
        struct cursor_state st;
        if (cursor_read(append_dirfd(d->spool), o->conf->name, &st) != 0)
            return 0; /* unknown: keep everything that max_size allows */
        if (st.position < needed)
            needed = st.position;
    }
    return needed;
}
