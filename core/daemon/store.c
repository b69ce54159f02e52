/* daemon/store.c - around spool/commit.h, which knows no clock: four times a second what is held in
 * memory is tried again, or refused. Opening fails for a folder that is in use or cannot be made, and where the
 * sync helper cannot be started.
 */
#include "daemon/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "spool/sync.h"

enum { LAST_SYNC_MS = 1000 };
static const int64_t held_again = 250 * NS_PER_MS;

static bool start_sync(struct store *s)
{
    const struct sync_events ev = {&s->commit, commit_answered, commit_seal, commit_reserved};
    const struct append *spool = s->commit.spool;

    s->commit.sync = sync_start(s->loop, append_dirfd(spool), append_begun(spool), &ev);
    if (s->commit.sync == NULL)
        log_error("spool: the sync helper cannot be started: %m");
    return s->commit.sync != NULL;
}

static struct append_config writer_config(const struct conf_spool *c)
{
    return (struct append_config){.dir = c->dir,
                                  .segment_size = c->segment_size,
                                  .max_size = c->max_size,
                                  .max_age = c->max_age,
                                  .reserve = c->reserve};
}

bool store_open(struct store *s, struct loop *l, const struct conf_spool *c,
                const struct commit_events *ev)
{
    const struct append_config ac = writer_config(c);
    struct why why = {"cannot be opened: out of memory"};

    *s = (struct store){
        .loop = l, .dir = strdup(c->dir), .commit = {.ev = *ev, .durable = c->durable}};
    if (s->dir != NULL)
        s->commit.spool = append_open(&ac, &why);
    if (s->commit.spool == NULL)
        log_error("spool %s %s", c->dir, why.text);
    else if (start_sync(s))
        return true;
    if (s->commit.spool != NULL)
        append_close(s->commit.spool);
    free(s->dir);
    return false;
}

void store_configure(struct store *s, const struct conf_spool *c)
{
    const struct append_config ac = writer_config(c);

    append_configure(s->commit.spool, &ac);
    s->commit.durable = c->durable;
}

static void on_held(void *arg);

/* And when the oldest has waited long enough; or it waits for a sync. */
static void try_held_later(struct store *s)
{
    int64_t now = loop_now(s->loop), next = now + held_again;
    int64_t late = backlog_since(&s->commit.backlog) + HELD_MOST;

    if (s->commit.backlog.metrics > 0 && !s->held.armed)
        loop_timer_set(s->loop, &s->held, late > now && late < next ? late : next, on_held, s);
}

static void on_held(void *arg)
{
    struct store *s = arg;

    commit_retry(&s->commit);
    commit_refuse_late(&s->commit, clock_mono());
    try_held_later(s);
}

int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 struct why *why)
{
    struct store *s = arg;
    int r = commit_batch(&s->commit, records, n, count, ticket, why);

    try_held_later(s);
    return r;
}

void store_end(struct store *s)
{
    loop_timer_clear(s->loop, &s->held);
    commit_end(&s->commit);
}

void store_sync_last(struct store *s, int64_t until)
{
    int64_t ms = (until - clock_mono()) / NS_PER_MS;

    s->commit.dirty = true;
    commit_sync(&s->commit);
    sync_stop(s->commit.sync, ms < 0 ? 0 : ms < LAST_SYNC_MS ? (int)ms : LAST_SYNC_MS);
    s->commit.sync = NULL;
}

void store_close(struct store *s)
{
    append_close(s->commit.spool);
    free(s->dir);
}

void store_metrics(const struct store *s, const struct self_round *at)
{
    self_gauge(at, BASIC, "garnet.spool.size", "B", append_bytes(s->commit.spool));
    self_gauge(at, BASIC, "garnet.spool.reserve", "B", s->commit.spool->folder.reserve.bytes);
    self_gauge(at, FULL, "garnet.spool.held", "B", s->commit.backlog.bytes);
    self_count(at, BASIC, "garnet.spool.refused", "Metric", NULL, s->commit.refused);
}
