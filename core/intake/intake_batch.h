/* intake/intake_batch.h - the records of one turn of the loop, and metrics whose fate is not known yet
 *
 * Everything accepted in a turn becomes one batch, which goes to the spool in one call; then each
 * part is told what became of it. A part belongs to whoever puts metrics in; it leaves before it is
 * freed. Where the answer is that the fate will be told later, for a ticket, the part's owner counts
 * what waits for which ticket.
 */
#pragma once
#include <sys/queue.h>

#include "base/why.h"
#include "model/metric.h"

/* --- the batch --- */

/* Writes one batch. 0: it is safe now. 1: what becomes of it will be told later, for `*ticket` (not
 * from in here; tickets never go back). -1: refused, and why. */
typedef int intake_commit_fn(void *arg, const void *records, size_t n, uint32_t count,
                             uint64_t *ticket, struct why *why);

struct intake_fate {
    const char *why; /* it is refused; NULL: it is not */
    uint64_t ticket; /* it will be told, for this; 0: it is safe */
};
typedef void intake_settled_fn(void *arg, uint32_t metrics, const struct intake_fate *fate);

struct intake_part {
    intake_settled_fn *settled;
    void *arg;
    uint32_t metrics; /* in the batch at hand */
    bool joined;
    TAILQ_ENTRY(intake_part) parts;
};

struct intake_batch {
    struct buf records;
    uint32_t count;          /* of them */
    uint64_t all, all_bytes; /* that were ever put in */
    uint64_t ticket;         /* the last that was given, while its fate is not known; 0: none is */
    intake_commit_fn *commit;
    void *arg;
    bool refused; /* the last one was: that is logged once */
    TAILQ_HEAD(, intake_part) parts;
};

void intake_batch_init(struct intake_batch *b, intake_commit_fn *commit, void *arg);
void intake_batch_free(struct intake_batch *b);
/* Puts a metric in, and commits a batch that is long. The bytes of its record; 0: there is no memory,
 * and what was in there has been committed. */
size_t intake_batch_put(struct intake_batch *b, struct intake_part *p, const struct metric *m);
/* The part is told of the next commit, metrics or not. */
void intake_batch_join(struct intake_batch *b, struct intake_part *p);
void intake_batch_leave(struct intake_batch *b, struct intake_part *p);
void intake_batch_commit(struct intake_batch *b); /* now */

/* --- in flight --- */

struct inflight_place {
    uint64_t ticket, metrics;
};
/* By the ticket that they wait for: safe they are once the spool says so of that, or of a later one.
 * First in, first out. As long as the spool gives one ticket to all whose fate is one
 * (spool/commit.h) there are as many places as fates. Never fails: without memory the newest two are
 * taken for one, which waits for the later ticket. */
struct inflight { /* all zero: none */
    struct inflight_place newest;
    struct inflight_place *older; /* from `first` on, in order */
    size_t first, n, cap;
    uint64_t sum; /* of metrics */
};

void inflight_add(struct inflight *p, uint64_t ticket, uint64_t metrics);
/* How many wait for this ticket or an earlier one; from now on they do not. */
uint64_t inflight_settle(struct inflight *p, uint64_t ticket);
void inflight_free(struct inflight *p);
