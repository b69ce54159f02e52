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

static const int64_t reload_grace = 2 * NS_PER_S; /* for a worker that a reload replaces: a datagram
                                                     needs one until it is known to be there */

static uint64_t oldest_seq(struct daemon *d)
{
    uint64_t seq;
    return segment_oldest(append_dirfd(d->spool), &seq) > 0 ? seq : append_next_seq(d->spool);
}

/* What to do when a file of the spool could not be published for `error`, to follow it in the log: a
 * folder in its way is left to whoever has put it there. */
static const char *remedy(int error)
{
    return error == EISDIR
               ? ": a folder is in the way, of that name or, with a dot before and .tmp "
                 "behind, of its temporary one: remove it"
               : "";
}

static void say_no_cursor(const struct sink_entry *o, const char *again, int error)
{
    log_error("sink %s: its cursor cannot be made%s: %s/cursors/%s: %s%s", o->conf->name, again,
              o->d->gen->conf->spool.dir, o->conf->name, strerror(error), remedy(error));
}

/* Before every start of a worker: the sink's place in the spool, the one it had or a new one. Where a
 * new sink begins was decided when it was first configured, however long its cursor takes to make. */
static bool ensure_cursor(void *arg)
{
    struct sink_entry *o = arg;
    int dir = append_dirfd(o->d->spool), why;
    struct cursor_state st;

    if (cursor_read(dir, o->conf->name, &st) == 0) {
        if (st.position <= append_next_seq(o->d->spool))
            return true;
        errno = EBADMSG; /* beyond all that there has ever been */
    }
    why = errno;
    if (o->restore && why == ENOENT) {
        o->restore = cursor_restore(dir, o->conf->name, &o->known) < 0;
        if (o->restore)
            say_no_cursor(o, " again", errno);
        return !o->restore;
    }
    if (cursor_passing(why)) { /* it may well be there */
        log_error("sink %s: its cursor cannot be read now: %m", o->conf->name);
        return false;
    }
    if (o->begun) {
        log_warn("sink %s: its cursor is lost (%s): it starts at the oldest metric in the spool, "
                 "repeating what it had sent",
                 o->conf->name, strerror(why));
        o->begin = oldest_seq(o->d);
    }
    if (cursor_create(dir, o->conf->name, o->begin) == 0) {
        o->begun = true;
        o->made_ns = clock_wall();
        return true;
    }
    say_no_cursor(o, "", errno);
    return false;
}

/* A plugin may start what it likes, and leave it. */
static void worker_ended(void *arg)
{
    struct sink_entry *o = arg;
    orphans_soon(o->d);
}

/* Of all that have a cursor, those included that are still ending. */
static void list_cursors(struct daemon *d)
{
    unsigned n = 0, all = 0;
    for (struct sink_entry *o = d->sinks; o; o = o->next)
        all++;
    const char **names = calloc(all + 1, sizeof *names);
    for (struct sink_entry *o = d->sinks; names && o; o = o->next)
        names[n++] = o->conf->name;
    if (!names || cursor_list_write(append_dirfd(d->spool), names, n) != 0)
        log_error("spool: the list of sinks cannot be written: %s/sinks: %s%s",
                  d->gen->conf->spool.dir, strerror(errno), remedy(errno));
    free(names);
}

static void entry_start(struct sink_entry *o)
{
    bool to_stdout = false;
    if (o->worker)
        return;
    for (size_t i = 0; i < o->conf->to.n; i++)
        to_stdout |= strcmp(o->conf->to.v[i], "stdout") == 0;
    struct worker_config wc = {.program = o->d->sink_program,
                               .name = o->conf->name,
                               .snapshot_fd = o->gen->snapshot_fd,
                               .prepare = ensure_cursor,
                               .ended = worker_ended,
                               .arg = o,
                               .stdout_fd = to_stdout ? STDOUT_FILENO : -1,
                               .memory_limit = o->conf->memory_limit};
    o->worker = worker_new(o->d->loop, &wc);
    if (!o->worker)
        log_error("sink %s has no worker yet: out of memory", o->conf->name);
}

static void entry_free(struct sink_entry *o)
{
    generation_unref(o->gen);
    free(o);
}

static void unlink_entry(struct sink_entry *o)
{
    struct sink_entry **link = &o->d->sinks;
    while (*link != o)
        link = &(*link)->next;
    *link = o->next;
}

static uint64_t queued_for(const struct sink_entry *o)
{
    struct cursor_state st;
    uint64_t end = append_next_seq(o->d->spool);
    if (cursor_read(append_dirfd(o->d->spool), o->conf->name, &st) != 0 || end < st.position)
        return 0;
    return end - st.position;
}

static void forget(struct sink_entry *o)
{
    int dir = append_dirfd(o->d->spool);
    uint64_t queued = queued_for(o);
    log_info(
        "sink %s is no longer configured: its cursor is removed, %llu metrics were queued for it",
        o->conf->name, (unsigned long long)queued);
    if (cursor_remove(dir, o->conf->name) != 0)
        log_warn("sink %s: its cursor cannot be removed: %m", o->conf->name);
}

static void entry_remove(struct sink_entry *o)
{
    struct daemon *d = o->d;
    forget(o);
    unlink_entry(o);
    entry_free(o);
    list_cursors(d);
}

static void worker_gone(void *arg)
{
    struct sink_entry *o = arg;
    worker_free(o->worker);
    o->worker = NULL;
    if (o->removed)
        entry_remove(o);
    else if (o->d->phase < PHASE_SINKS) /* the end begins with the runs, which still send */
        entry_start(o);
    else
        daemon_next(o->d);
}

static void entry_stop(struct sink_entry *o, int64_t grace)
{
    if (o->worker)
        worker_stop(o->worker, grace, worker_gone, o);
}

static struct sink_entry *find(struct daemon *d, const char *name)
{
    struct sink_entry *o = d->sinks;
    while (o && strcmp(o->conf->name, name) != 0)
        o = o->next;
    return o;
}

/* A sink that had a cursor under an earlier garnetd is listed: if that is lost, it starts at the
 * oldest. */
static struct sink_entry *entry_new(struct daemon *d, const struct conf_sink *s)
{
    struct sink_entry *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->d = d;
    o->begun = cursor_listed(append_dirfd(d->spool), s->name);
    o->begin = s->start == START_OLDEST ? oldest_seq(d) : append_next_seq(d->spool);
    o->next = d->sinks;
    d->sinks = o;
    return o;
}

/* An unchanged sink keeps its worker, its connection, and the generation its worker was started
 * with. */
static void adopt(struct sink_entry *o, struct generation *g, const struct conf_sink *s)
{
    o->removed = false; /* one that is back before its worker had gone */
    bool changed = o->conf && o->conf->digest != s->digest;
    if (o->conf && !changed && o->worker)
        return;
    generation_unref(o->gen);
    o->gen = generation_ref(g);
    o->conf = s;
    if (changed)
        log_info("sink %s changed: its worker is replaced", s->name);
    if (o->worker)
        entry_stop(o, reload_grace);
    else
        entry_start(o);
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
    if (find(d, name) || configured(d->gen->conf, name))
        return;
    log_info("sink %s is no longer configured: its cursor is removed", name);
    if (cursor_remove(append_dirfd(d->spool), name) != 0 && errno != ENOENT)
        log_warn("sink %s: its cursor cannot be removed: %m", name);
}

void sinks_apply(struct daemon *d, struct generation *g)
{
    struct sink_entry *next;
    for (struct sink_entry *o = d->sinks; o; o = next) {
        next = o->next;
        if (o->removed || configured(g->conf, o->conf->name))
            continue;
        o->removed = true;
        if (o->worker)
            entry_stop(o, reload_grace);
        else
            entry_remove(o);
    }
    for (struct conf_sink *s = g->conf->sinks; s; s = s->next) {
        struct sink_entry *o = find(d, s->name);
        if (!o)
            o = entry_new(d, s);
        if (o)
            adopt(o, g, s);
        else
            log_error("sink %s does not run yet: out of memory", s->name);
    }
    cursor_list_each(append_dirfd(d->spool), drop_stale, d);
    list_cursors(d);
}

/* Memory was short when they were applied: a sink or a worker is missing. */
static bool incomplete(struct daemon *d)
{
    for (const struct conf_sink *s = d->gen->conf->sinks; s; s = s->next) {
        const struct sink_entry *o = find(d, s->name);
        if (!o || !o->worker)
            return true;
    }
    return false;
}

void sinks_retry(struct daemon *d)
{
    if (d->phase == PHASE_RUNNING && incomplete(d))
        sinks_apply(d, d->gen);
}

void sinks_stop(struct daemon *d, int64_t grace)
{
    for (struct sink_entry *o = d->sinks; o; o = o->next)
        entry_stop(o, grace);
}

bool sinks_stopped(const struct daemon *d)
{
    const struct sink_entry *o = d->sinks;
    while (o && !o->worker)
        o = o->next;
    return o == NULL;
}

void sinks_tell_rest(const struct daemon *d)
{
    struct buf rest = {0};
    for (const struct sink_entry *o = d->sinks; o; o = o->next) {
        uint64_t n = queued_for(o);
        if (n > 0)
            buf_putf(&rest, "; sink %s: %llu metrics wait in the spool", o->conf->name,
                     (unsigned long long)n);
    }
    log_info("ended%.*s", (int)rest.n, rest.n > 0 ? rest.p : "");
    buf_free(&rest);
}

void sinks_free(struct daemon *d)
{
    struct sink_entry *next;
    for (struct sink_entry *o = d->sinks; o; o = next) {
        next = o->next;
        entry_free(o);
    }
    d->sinks = NULL;
}

void sinks_wake(struct daemon *d)
{
    for (struct sink_entry *o = d->sinks; o; o = o->next) {
        if (o->worker)
            worker_wake(o->worker);
    }
}

/* Workers end, for what they have open is gone, and begin again, each at the position that its
 * cursor was last seen at: what lies before the new folder's first metric they count as lost. */
void sinks_anew(struct daemon *d)
{
    for (struct sink_entry *o = d->sinks; o; o = o->next) {
        o->restore = o->knows;
        entry_stop(o, reload_grace);
    }
    list_cursors(d);
}

/* What is out already, and whether that stands still although there is more. */
static void watch_progress(struct sink_entry *o)
{
    const struct scoreboard *p = o->worker ? worker_scoreboard(o->worker) : NULL;
    uint64_t out = o->known.position, sent = p ? atomic_load(&p->sent) : 0;

    out = sent > out ? sent : out;
    if (out >= append_next_seq(o->d->spool))
        o->still_ns = 0;
    else if (o->still_ns == 0 || out != o->still_at)
        o->still_ns = clock_mono();
    o->still_at = out;
}

/* As its worker says. Where none runs, or it hangs, so long as we have seen it stand still. */
int64_t sink_lag(const struct sink_entry *o)
{
    const struct scoreboard *p = o->worker ? worker_scoreboard(o->worker) : NULL;
    int64_t oldest = p ? atomic_load(&p->oldest_ns) : 0;
    int64_t lag = oldest > 0 ? clock_wall() - oldest : 0;
    int64_t still = o->still_ns != 0 ? clock_mono() - o->still_ns : 0;

    lag = lag > still ? lag : still;
    return lag > 0 ? lag : 0;
}

uint64_t sinks_needed(struct daemon *d)
{
    uint64_t needed = d->sinks ? append_next_seq(d->spool) : 0; /* without a sink, for the first */
    for (struct sink_entry *o = d->sinks; o; o = o->next) {
        struct cursor_state st;
        if (cursor_read(append_dirfd(d->spool), o->conf->name, &st) != 0 ||
            st.position > append_next_seq(d->spool))
            return 0; /* unknown: keep everything that max_size allows */
        o->known = st;
        o->knows = true;
        watch_progress(o);
        if (st.keep < needed)
            needed = st.keep;
    }
    return needed;
}
