/* Intake's batches into the spool; once a second, syncing and retention.
 *
 * What the spool cannot take (a disk that is full, read-only, failing, a folder that is gone) is
 * held in memory, up to BACKLOG_MAX, and tried again every 250 ms; the answers "accepted" wait as
 * they do for a sync. Beyond that, batches are refused, and every sender is told so. At the end of
 * garnetd what is still held is refused after one last try. A folder that was removed or replaced
 * is made again within a second, with new workers on it. Nothing in here waits for the disk:
 * fdatasync is the sync helper's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "spool/segment.h"

static const int64_t TRY_EVERY = 250 * NS_PER_MS;

static void try_again(void *arg);

uint64_t store_held_bytes(const struct daemon *d)
{
    return d->store.backlog.bytes;
}

uint64_t store_held_metrics(const struct daemon *d)
{
    return d->store.backlog.metrics;
}

uint64_t store_refused(const struct daemon *d)
{
    return d->store.refused;
}

static void report(struct store_state *s, int error)
{
    errno = error;
    if (error && !s->error)
        log_error("spool: cannot be written: %m; metrics are held in memory, up to %d MiB, until "
                  "it can",
                  BACKLOG_MAX >> 20);
    if (!error && s->error)
        log_info("spool: can be written again");
    s->error = error;
}

void store_sync(struct daemon *d)
{
    sync_request(d->sync, append_segment(d->spool), d->store.written);
}

/* So many more are in the spool. What is safe with that, and when: as store_commit() says. */
static bool must_wait_for_sync(struct daemon *d, uint64_t more)
{
    d->store.written += more;
    sinks_wake(d);
    d->dirty = true;
    if (!d->gen->conf->spool.durable)
        return false;
    store_sync(d);
    return true;
}

/* ---- holding ---- */

static void arm(struct daemon *d)
{
    if (!d->store.again.armed)
        loop_timer_set(d->loop, &d->store.again, loop_now(d->loop) + TRY_EVERY, try_again, d);
}

/* Whatever may become possible again; the rest is about the batch and for ever. */
static bool may_pass(int error)
{
    return error != EINVAL && error != EOVERFLOW;
}

static int refuse(struct store_state *s, uint32_t count, int error, char why[128])
{
    struct buf text = {.max = 127};

    buf_putf(&text, "the spool cannot be written: %s; send it again later", strerror(error));
    memcpy(why, text.p ? text.p : "", text.n);
    why[text.n] = '\0';
    buf_free(&text);
    s->refused += count;
    return -1;
}

static int hold(struct daemon *d, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                char why[128])
{
    struct store_state *s = &d->store;

    if (s->ending || !may_pass(s->error) || !backlog_put(&s->backlog, records, n, count))
        return refuse(s, count, s->error, why);
    *ticket = s->written + s->backlog.metrics;
    arm(d);
    return 1;
}

/* Writes what is held, as far as it goes. */
static void flush(struct daemon *d)
{
    struct store_state *s = &d->store;
    uint64_t before = s->backlog.metrics;
    int failed;

    if (s->gone || before == 0)
        return;
    failed = backlog_flush(&s->backlog, d->spool) == 0 ? 0 : errno;
    report(s, failed);
    if (s->backlog.metrics < before && !must_wait_for_sync(d, before - s->backlog.metrics))
        intake_safe(d->intake, s->written);
}

static void try_again(void *arg)
{
    struct daemon *d = arg;

    flush(d);
    if (d->store.backlog.metrics > 0)
        arm(d);
}

int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 char why[128])
{
    struct daemon *d = arg;
    struct store_state *s = &d->store;
    uint64_t end;

    if (s->gone || s->backlog.metrics > 0) /* in order: behind what is held */
        return hold(d, records, n, count, ticket, why);
    report(s, append_frame(d->spool, records, n, count, &end) == 0 ? 0 : errno);
    if (s->error)
        return hold(d, records, n, count, ticket, why);
    *ticket = s->written + count;
    return must_wait_for_sync(d, count);
}

void store_end(struct daemon *d)
{
    struct store_state *s = &d->store;
    uint64_t left;

    s->ending = true;
    loop_timer_clear(d->loop, &s->again);
    flush(d);
    if ((left = s->backlog.metrics) == 0)
        return;
    s->refused += left;
    log_error("spool: %" PRIu64 " metrics that were held in memory are refused: garnetd ends, and "
              "the spool still cannot be written",
              left);
    intake_unsafe(d->intake, s->written + left,
                  "the spool cannot be written, and garnetd ends; send it again later");
    backlog_clear(&s->backlog);
}

/* ---- syncing ---- */

/* Once is put right by writing it again; when that fails, those who wait are told so, and it is
 * tried again each second. */
static void sync_failed(struct daemon *d, int error)
{
    struct store_state *s = &d->store;

    append_seal(d->spool);
    errno = error;
    if (!s->unsynced) {
        log_error("spool: syncing to disk failed: %m; what is not on the disk is written again");
        s->unsynced = true;
        store_sync(d);
        return;
    }
    if (!s->unsafe)
        log_error("spool: writing it again failed: %m; metrics since the last sync may not survive "
                  "a power loss");
    s->unsafe = true;
    d->dirty = true;
    if (d->intake)
        intake_unsafe(d->intake, s->written,
                      "it is in the spool, but the disk could not be synced: it may not survive a "
                      "power loss; send it again");
}

void store_synced(void *arg, uint64_t ticket, int error)
{
    struct daemon *d = arg;

    if (error) {
        sync_failed(d, error);
        return;
    }
    if (d->store.unsafe)
        log_info("spool: can be synced again");
    else if (d->store.unsynced)
        log_info("spool: what could not be synced has been written again and is on the disk");
    d->store.unsynced = d->store.unsafe = false;
    if (d->intake) /* at the end it goes before the last sync */
        intake_safe(d->intake, ticket);
}

/* ---- once a second ---- */

/* Sequence numbers go on, so what the sinks had not sent from it is a gap, and counted by them. */
static void look_after_folder(struct daemon *d)
{
    const char *dir = d->gen->conf->spool.dir;
    struct store_state *s = &d->store;
    bool was_gone = s->gone;
    char why[256];

    if (!s->gone && append_there(d->spool, dir))
        return;
    s->gone = !append_reopen(d->spool, dir, why);
    if (s->gone && !was_gone)
        log_error("spool %s was removed or replaced, and %s; metrics are held in memory, up to "
                  "%d MiB, until it can be used",
                  dir, why, BACKLOG_MAX >> 20);
    if (s->gone) {
        s->error = ENOENT;
        return;
    }
    log_error("spool %s was removed or replaced: it has been opened again; what was in it and had "
              "not been sent is lost, and counted by each sink",
              dir);
    sync_renew(d->sync);
    s->unsynced = s->unsafe = false;
    if (d->intake)
        intake_unsafe(d->intake, s->written,
                      "the spool was removed before it was synced; send it again");
    sinks_anew(d);
}

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
    if (d->phase == PHASE_RUNNING)
        look_after_folder(d);
    if (d->dirty)
        store_sync(d);
    d->dirty = false;
    unsigned lost = append_retain(d->spool, sinks_needed(d), clock_wall());
    if (lost && somebody_loses(d))
        log_warn("spool: %u segments that a sink had not sent yet were removed, as max_size or "
                 "max_age says",
                 lost);
}
