/* Intake's batches into the spool; once a second, syncing and retention.
 *
 * An append that fails (a full disk) refuses its batch, and every sender is told so; the next
 * one tries again, in a new segment. Nothing in here waits for the disk: fdatasync is the sync
 * helper's.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

static void report(struct daemon *d, bool good)
{
    if (!good && d->spool_ok)
        log_error("spool: cannot be written: %m; metrics are refused until it can");
    if (good && !d->spool_ok)
        log_info("spool: can be written again");
    d->spool_ok = good;
}

int store_commit(void *arg, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 char why[128])
{
    struct daemon *d = arg;
    int failed = append_frame(d->spool, records, n, count, ticket) == 0 ? 0 : errno;
    errno = failed;
    report(d, failed == 0);
    if (failed) {
        struct buf text = {.max = 127};
        buf_putf(&text, "the spool cannot be written: %s; send it again later", strerror(failed));
        memcpy(why, text.p ? text.p : "", text.n);
        why[text.n] = '\0';
        buf_free(&text);
        return -1;
    }
    sinks_wake(d);
    d->dirty = true;
    if (!d->gen->conf->spool.durable)
        return 0;
    sync_request(d->sync, append_segment(d->spool), *ticket);
    return 1;
}

void store_synced(void *arg, uint64_t seq, int error)
{
    struct daemon *d = arg;
    if (!error) {
        if (d->intake) /* at the end it goes before the last sync */
            intake_safe(d->intake, seq);
        return;
    }
    errno = error;
    log_error("spool: syncing to disk failed: %m; metrics since the last sync may not survive a "
              "power loss");
    append_seal(d->spool);
    if (d->intake)
        intake_unsafe(d->intake, "it is in the spool, but the disk could not be synced: it may not "
                                 "survive a power loss; send it again");
}

void store_housekeeping(struct daemon *d)
{
    if (d->dirty)
        sync_request(d->sync, append_segment(d->spool), append_next_seq(d->spool));
    d->dirty = false;
    unsigned lost = append_retain(d->spool, sinks_needed(d), clock_wall());
    if (lost && d->sinks)
        log_warn("spool: %u segments that a sink had not sent yet were removed, as max_size or "
                 "max_age says",
                 lost);
}
