/* daemon/sinks.c - one entry a sink: its generation, its worker, its cursor. One that is refused has no
 * worker, or the one that it had. Short memory leaves a sink without an entry, and is made good within
 * a second. A worker's death is its supervisor's to mend.
 */
#include "daemon/sinks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/sink_entry.h"
#include "spool/segment.h"

void sinks_init(struct sinks *s, struct keepers *keepers, const struct append *spool,
                const char *dir, const char *program, const struct sinks_events *ev)
{
    *s = (struct sinks){.keepers = keepers,
                        .spool = spool,
                        .dir = dir,
                        .removed = {spool, dir, clock_mono()},
                        .program = program,
                        .ev = *ev,
                        .oldest = append_oldest(spool)};
    LIST_INIT(&s->list);
}

/* Of all that have a cursor, those included that are still ending. */
static void list_cursors(const struct sinks *s)
{
    const struct sink_entry *o;
    unsigned n = 0;
    const char **names;

    LIST_FOREACH (o, &s->list, entries)
        n++;
    names = calloc(n + 1, sizeof *names);
    n = 0;
    LIST_FOREACH (o, &s->list, entries)
        if (names != NULL)
            names[n++] = o->conf->name;
    sink_cursor_list(s->spool, s->dir, names, n);
    free(names);
}

/* --- one sink --- */

/* Of the worker that has gone; there may have been none. */
static void end_stats(struct sink_entry *o)
{
    if (o->supervisor.board != NULL)
        sink_stats_end(&o->stats, o->conf->name, &o->supervisor.board->stats);
}

static bool prepare_worker(void *arg)
{
    struct sink_entry *o = arg;

    end_stats(o);
    return sink_cursor_ensure(&o->cursor);
}

static void start_sink(struct sink_entry *o);

static void remove_sink(struct sink_entry *o)
{
    struct sinks *s = o->all;

    removed_add(&s->removed, &s->gen->conf->spool, o->conf->name, removed_identity(o->conf));
    LIST_REMOVE(o, entries);
    generation_unref(o->gen);
    free(o);
    list_cursors(s);
}

static void on_worker_gone(void *arg)
{
    struct sink_entry *o = arg;
    struct sinks *s = o->all;

    o->in_doubt = sink_entry_doubt(o);
    o->restarts += o->supervisor.restarts;
    o->unkillable += o->supervisor.unkillable;
    o->losses += o->supervisor.board != NULL ? atomic_load(&o->supervisor.board->losses) : 0;
    end_stats(o);
    supervisor_end(&o->supervisor);
    o->supervised = false;
    if (o->removed)
        remove_sink(o);
    else if (!s->stopping)
        start_sink(o);
    if (s->stopping)
        s->ev.stopped(s->ev.arg);
}

static void start_sink(struct sink_entry *o)
{
    struct supervisor_config sc = {.name = o->conf->name,
                                   .start = {.keepers = o->all->keepers,
                                             .program = o->all->program,
                                             .snapshot_fd = o->gen->snapshot_fd,
                                             .stdout_fd = -1},
                                   .prepare = prepare_worker,
                                   .gone = on_worker_gone,
                                   .arg = o,
                                   .memory_limit = o->conf->memory_limit,
                                   .oldest = o->all->oldest};

    for (size_t i = 0; i < o->conf->to.n; i++)
        if (strcmp(o->conf->to.v[i], "stdout") == 0)
            sc.start.stdout_fd = STDOUT_FILENO;
    supervisor_start(&o->supervisor, o->all->keepers->loop, &sc);
    o->supervised = true;
}

static void stop_sink(struct sink_entry *o, int64_t grace)
{
    if (o->supervised)
        supervisor_stop(&o->supervisor, grace);
}

/* For good, or for another one to begin. */
static void end_at_reload(struct sink_entry *o)
{
    stop_sink(o, o->all->gen->conf->reload_grace);
}

static struct sink_entry *sink_named(const struct sinks *s, const char *name)
{
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        if (strcmp(o->conf->name, name) == 0)
            return o;
    return NULL;
}

static struct sink_entry *make_sink(struct sinks *s, const struct conf_sink *conf)
{
    struct sink_entry *o = calloc(1, sizeof *o);

    if (o == NULL)
        return NULL;
    o->all = s;
    removed_return(&s->removed, conf);
    sink_cursor_init(&o->cursor, s->spool, s->dir, conf);
    LIST_INSERT_HEAD(&s->list, o, entries);
    return o;
}

static void configure_sink(struct sink_entry *o, struct generation *g, const struct conf_sink *conf)
{
    bool waited = o->conf == NULL || o->conf->refused;
    bool changed = !waited && o->conf->digest != conf->digest;

    o->removed = false; /* one that is back before its worker had gone */
    if (!waited && (conf->refused || !changed) && o->supervised)
        return;
    generation_unref(o->gen);
    o->gen = generation_ref(g);
    o->conf = conf;
    if (changed)
        log_info("sink %s changed: its worker is replaced", conf->name);
    if (o->supervised)
        end_at_reload(o);
    else if (!conf->refused)
        start_sink(o);
}

/* Of one that is refused: what comes meanwhile is its own. */
static void keep_cursor(struct sink_entry *o)
{
    enum { AGAIN = 30 };

    if (o->supervised || o->cursor_in-- > 0)
        return;
    (void)sink_cursor_ensure(&o->cursor);
    o->cursor_in = AGAIN;
}

/* --- all of them --- */

/* A cursor from an earlier life of garnetd whose sink has been removed from the configuration
 * since. */
static void drop_stale(void *arg, const char *name)
{
    const struct sinks *s = arg;

    if (sink_named(s, name) == NULL && conf_sink_named(s->gen->conf, name) == NULL)
        removed_add(&s->removed, &s->gen->conf->spool, name, 0);
}

static void remove_unconfigured(struct sinks *s)
{
    struct sink_entry *next;

    for (struct sink_entry *o = LIST_FIRST(&s->list); o != NULL; o = next) {
        next = LIST_NEXT(o, entries);
        if (o->removed || conf_sink_named(s->gen->conf, o->conf->name) != NULL)
            continue;
        o->removed = true;
        if (o->supervised)
            end_at_reload(o);
        else
            remove_sink(o);
    }
}

void sinks_apply(struct sinks *s, struct generation *g)
{
    s->gen = g;
    remove_unconfigured(s);
    for (const struct conf_sink *conf = g->conf->sinks; conf != NULL; conf = conf->next) {
        struct sink_entry *o = sink_named(s, conf->name);

        if (o == NULL)
            o = make_sink(s, conf);
        if (o != NULL) {
            configure_sink(o, g, conf);
            keep_cursor(o);
        } else {
            log_error("sink %s does not run yet: out of memory", conf->name);
        }
    }
    cursor_list_each(append_dirfd(s->spool), drop_stale, s);
    list_cursors(s);
}

void sinks_retry(struct sinks *s)
{
    for (const struct conf_sink *conf = s->gen->conf->sinks; conf != NULL; conf = conf->next) {
        struct sink_entry *o = sink_named(s, conf->name);

        if (o == NULL || (!o->supervised && !o->conf->refused)) {
            sinks_apply(s, s->gen);
            return;
        }
        keep_cursor(o);
    }
}

void sinks_wake(struct sinks *s)
{
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries)
        if (o->supervised)
            supervisor_wake(&o->supervisor);
}

void sinks_restart(struct sinks *s)
{
    struct sink_entry *o;

    sinks_spool_begins(s, append_oldest(s->spool));
    LIST_FOREACH (o, &s->list, entries) {
        sink_cursor_lost(&o->cursor);
        end_at_reload(o);
    }
    list_cursors(s);
}

void sinks_stop(struct sinks *s, int64_t grace)
{
    struct sink_entry *o;

    s->stopping = true;
    LIST_FOREACH (o, &s->list, entries)
        stop_sink(o, grace);
}

void sinks_abandon(struct sinks *s)
{
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries) {
        if (!o->supervised)
            continue;
        supervisor_abandon(&o->supervisor);
        supervisor_end(&o->supervisor);
        o->supervised = false;
    }
}

bool sinks_stopped(const struct sinks *s)
{
    const struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries)
        if (o->supervised)
            return false;
    return true;
}

void sinks_log_rest(struct sinks *s)
{
    struct buf rest = {0};
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries) {
        uint64_t n = sink_cursor_queued(&o->cursor);

        sink_cursor_end(&o->cursor);
        if (n > 0)
            buf_putf(&rest, "; sink %s: %llu metrics wait in the spool", o->conf->name,
                     (unsigned long long)n);
    }
    log_info("ended%.*s", (int)rest.n, rest.n > 0 ? rest.p : "");
    buf_free(&rest);
}

void sinks_free(struct sinks *s)
{
    struct sink_entry *o;

    while ((o = LIST_FIRST(&s->list)) != NULL) {
        LIST_REMOVE(o, entries);
        generation_unref(o->gen);
        free(o);
    }
}

uint64_t sinks_needed(struct sinks *s)
{
    uint64_t needed =
        LIST_EMPTY(&s->list) ? 0 : append_next_seq(s->spool); /* 0: for the first one */
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries) {
        uint64_t keep = 0; /* unknown: everything that max_size allows */

        if (sink_cursor_look(&o->cursor, sink_entry_board(o)))
            keep = o->cursor.known.keep;
        needed = keep < needed ? keep : needed;
    }
    return removed_needed(&s->removed, &s->gen->conf->spool, needed);
}

uint64_t sinks_passed(struct sinks *s)
{
    uint64_t passed = LIST_EMPTY(&s->list) ? 0 : append_next_seq(s->spool);
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries) {
        const struct scoreboard *b = sink_entry_board(o);
        uint64_t has = 0, taken, lost;

        if (sink_cursor_look(&o->cursor, b))
            has = o->cursor.known.position;
        if (b != NULL && scoreboard_get_read(b, &taken, &lost) && taken > has)
            has = taken;
        passed = has < passed ? has : passed;
    }
    return passed;
}

void sinks_spool_begins(struct sinks *s, uint64_t oldest)
{
    struct sink_entry *o;

    s->oldest = oldest;
    LIST_FOREACH (o, &s->list, entries)
        if (o->supervised)
            supervisor_spool_begins(&o->supervisor, oldest);
}

/* --- metrics --- */

static bool is_refused(const struct sink_entry *o)
{
    const struct conf_sink *wanted = conf_sink_named(o->all->gen->conf, o->conf->name);

    return wanted != NULL && wanted->refused;
}

void sinks_metrics(const struct sinks *s, const struct self_round *at)
{
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries)
        sink_entry_rows(o, is_refused(o), *at);
}

/* Once its worker has said what it can drop for; by then it may have, so this is how it began. */
void sinks_metrics_begun(struct sinks *s, struct selfmetrics *to)
{
    struct sink_entry *o;

    LIST_FOREACH (o, &s->list, entries) {
        const struct scoreboard *b = sink_entry_board(o);
        int64_t made =
            b == NULL || atomic_load(&b->can_drop) == 0 ? 0 : sink_cursor_take_made(&o->cursor);
        struct self_round at = selfmetrics_beginning(to, made);

        at.zero = true;
        if (made != 0)
            sink_entry_rows(o, is_refused(o), at);
        if (b != NULL)
            sink_entry_begin_stats(o, b, to);
    }
}

void sinks_status(const struct sinks *s, struct buf *out)
{
    struct sink_entry *o;
    bool first = true;

    LIST_FOREACH (o, &s->list, entries) {
        buf_puts(out, first ? "" : ",");
        sink_entry_status(o, conf_sink_named(s->gen->conf, o->conf->name), out);
        first = false;
    }
}
