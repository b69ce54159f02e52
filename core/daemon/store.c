/* The spool's place in garnetd: intake's batches go in (spool/commit.h), intake hears what became of
 * them; four times a second, what is held in memory is tried again; once a second, syncing, the
 * folder, retention. Nothing in here waits for the disk.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/segment.h"

static const int64_t TRY_EVERY = 250 * NS_PER_MS;

uint64_t store_held_bytes(const struct daemon *d)
{
    return d->commit.backlog.bytes;
}

uint64_t store_held_metrics(const struct daemon *d)
{
    return d->commit.backlog.metrics;
}

uint64_t store_refused(const struct daemon *d)
{
    return d->commit.refused;
}

/* ---- what became of a batch ---- */

static void written(void *arg)
{
    sinks_wake(arg);
}

/* At the end the intake goes before the last sync. */
static void safe(void *arg, uint64_t ticket)
{
    struct daemon *d = arg;

    if (d->intake)
        intake_safe(d->intake, ticket);
}

static void unsafe(void *arg, uint64_t ticket, const char *why)
{
    struct daemon *d = arg;

    if (d->intake)
        intake_unsafe(d->intake, ticket, why);
}

bool store_open(struct daemon *d, const struct conf_spool *s)
{
    struct append_config ac = {.dir = s->dir,
                               .segment_size = s->segment_size,
                               .max_size = s->max_size,
                               .max_age = s->max_age};
    struct sync_events ev = {&d->commit, commit_told, commit_seal};
    char why[256];

    d->spool = append_open(&ac, why);
    if (!d->spool) {
        log_error("spool %s %s", s->dir, why);
        return false;
    }
    d->sync = sync_start(d->loop, append_dirfd(d->spool), append_next_seq(d->spool), &ev);
    if (!d->sync)
        log_error("spool: the sync helper cannot be started: %m");
    d->commit = (struct commit){.spool = d->spool,
                                .sync = d->sync,
                                .ev = {d, written, safe, unsafe},
                                .durable = s->durable};
    return d->sync != NULL;
}

/* ---- holding ---- */

static void try_again(void *arg);

static void arm(struct daemon *d)
{
    if (d->commit.backlog.metrics > 0 && !d->hold_again.armed)
        loop_timer_set(d->loop, &d->hold_again, loop_now(d->loop) + TRY_EVERY, try_again, d);
}

static void try_again(void *arg)
{
    struct daemon *d = arg;

    commit_retry(&d->commit);
    arm(d);
}

int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 char why[128])
{
    struct daemon *d = arg;
    int r;

    r = commit_batch(&d->commit, records, n, count, ticket, why);
    arm(d);
    return r;
}

void store_end(struct daemon *d)
{
    loop_timer_clear(d->loop, &d->hold_again);
    commit_end(&d->commit);
}

void store_sync_last(struct daemon *d)
{
    d->commit.dirty = true;
    commit_sync(&d->commit);
    sync_stop(d->sync, 1000);
}

/* ---- once a second ---- */

/* What a sink might only have read again, for a replay or for its rates, is no loss. */
static bool somebody_loses(const struct daemon *d)
{
    uint64_t oldest = 0;
    int there = segment_oldest(append_dirfd(d->spool), &oldest);
    bool loses = there < 0 && d->sinks;
    for (const struct sink_entry *o = d->sinks; o && there > 0; o = o->next)
        loses |= !o->knows || o->known.position < oldest;
    return loses;
}

void store_housekeeping(struct daemon *d)
{
    if (d->phase < PHASE_SINKS && commit_look(&d->commit, d->gen->conf->spool.dir))
        sinks_anew(d);
    commit_sync(&d->commit);
    unsigned lost = append_retain(d->spool, sinks_needed(d), clock_wall());
    if (lost && somebody_loses(d))
        log_warn("spool: %u segments that a sink had not sent yet were removed, as max_size or "
                 "max_age says",
                 lost);
}
