/* daemon/store.c - around spool/commit.h, which knows no clock: four times a second what is held in
 * memory is tried again. Opening fails for a folder that is in use or cannot be made, and where the
 * sync helper cannot be started.
 */
#include "daemon/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "spool/sync.h"

enum { LAST_SYNC_MS = 1000 };
static const int64_t held_again = 250 * NS_PER_MS;

struct store {
    struct loop *loop;
    char *dir;
    struct append *spool;
    struct sync *sync;
    struct commit commit;
    struct loop_timer held; /* while something is */
};

static bool start_sync(struct store *s)
{
    struct sync_events ev = {&s->commit, commit_answered, commit_seal};

    s->sync = sync_start(s->loop, append_dirfd(s->spool), append_next_seq(s->spool), &ev);
    if (s->sync == NULL)
        log_error("spool: the sync helper cannot be started: %m");
    return s->sync != NULL;
}

struct store *store_open(struct loop *l, const struct conf_spool *c, const struct commit_events *ev)
{
    struct append_config ac = {.dir = c->dir,
                               .segment_size = c->segment_size,
                               .max_size = c->max_size,
                               .max_age = c->max_age};
    struct store *s = calloc(1, sizeof *s);
    struct why why;

    if (s == NULL || (s->dir = strdup(c->dir)) == NULL) {
        log_error("spool: out of memory");
        free(s);
        return NULL;
    }
    s->loop = l;
    s->spool = append_open(&ac, &why);
    if (s->spool == NULL)
        log_error("spool %s %s", c->dir, why.text);
    if (s->spool == NULL || !start_sync(s)) {
        if (s->spool != NULL)
            append_close(s->spool);
        free(s->dir);
        free(s);
        return NULL;
    }
    s->commit =
        (struct commit){.spool = s->spool, .sync = s->sync, .ev = *ev, .durable = c->durable};
    return s;
}

void store_configure(struct store *s, const struct conf_spool *c)
{
    append_configure(s->spool, c->segment_size, c->max_size, c->max_age);
    s->commit.durable = c->durable;
}

const struct append *store_spool(const struct store *s)
{
    return s->spool;
}

const char *store_dir(const struct store *s)
{
    return s->dir;
}

static void on_held(void *arg);

static void try_held_later(struct store *s)
{
    if (s->commit.backlog.metrics > 0 && !s->held.armed)
        loop_timer_set(s->loop, &s->held, loop_now(s->loop) + held_again, on_held, s);
}

static void on_held(void *arg)
{
    struct store *s = arg;

    commit_retry(&s->commit);
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

bool store_folder_replaced(struct store *s)
{
    return commit_look(&s->commit, s->dir);
}

void store_sync(struct store *s)
{
    commit_sync(&s->commit);
}

unsigned store_retain(struct store *s, uint64_t needed)
{
    return append_retain(s->spool, needed, clock_wall());
}

void store_end(struct store *s)
{
    loop_timer_clear(s->loop, &s->held);
    commit_end(&s->commit);
}

void store_sync_last(struct store *s)
{
    s->commit.dirty = true;
    commit_sync(&s->commit);
    sync_stop(s->sync, LAST_SYNC_MS);
    s->sync = s->commit.sync = NULL;
}

void store_close(struct store *s)
{
    append_close(s->spool);
    free(s->dir);
    free(s);
}

void store_metrics(const struct store *s, const struct self_round *at)
{
    self_gauge(at, BASIC, "garnet.spool.size", "B", append_bytes(s->spool));
    self_gauge(at, FULL, "garnet.spool.held", "B", s->commit.backlog.bytes);
    self_count(at, BASIC, "garnet.spool.refused", "Metric", NULL, s->commit.refused);
}
