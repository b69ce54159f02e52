/* intake/intake_batch.h - the records of one turn of the loop, and who has a part in them
 *
 * Everything accepted in a turn becomes one batch, which goes to the spool in one call; then each
 * part is told what became of it. A part belongs to whoever puts metrics in; it leaves before it is
 * freed.
 */
#ifndef INTAKE_INTAKE_BATCH_H
#define INTAKE_INTAKE_BATCH_H
#include <sys/queue.h>

#include "base/why.h"
#include "model/metric.h"

/* Writes one batch. 0: it is safe now. 1: what becomes of it will be told later, for `*ticket` (not
 * from in here; tickets never go back). -1: refused, and why. */
typedef int intake_commit_fn(void *arg, const void *records, size_t n, uint32_t count,
                             uint64_t *ticket, struct why *why);

struct intake_fate {
    const char *why; /* it is refused; NULL: it is not */
    bool later;      /* it will be told, for the ticket */
    uint64_t ticket;
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
    uint32_t count; /* of them */
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

#endif
