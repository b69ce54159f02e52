/* intake/intake_batch.c - the records of one turn: gathered, written, and their parts settled; what waits
 *
 * The spool's refusal turns a batch's metrics into rejected ones, with its reason; nothing here
 * fails by itself but for memory, when a record is made. The newest place in flight is in the struct,
 * so that most connections need no memory for it, and one that finds none has a place all the same.
 */
#include "intake/intake_batch.h"

#include <stdlib.h>

#include "base/log.h"
#include "model/record.h"

/* Commit early: with what one read may add its buf rarely grows past 1 MiB. */
enum { FULL = 960 * 1024 };

/* --- the batch --- */

void intake_batch_init(struct intake_batch *b, intake_commit_fn *commit, void *arg)
{
    *b = (struct intake_batch){.commit = commit, .arg = arg};
    TAILQ_INIT(&b->parts);
}

void intake_batch_free(struct intake_batch *b)
{
    buf_free(&b->records);
}

void intake_batch_join(struct intake_batch *b, struct intake_part *p)
{
    if (p->joined)
        return;
    p->joined = true;
    TAILQ_INSERT_TAIL(&b->parts, p, parts);
}

void intake_batch_leave(struct intake_batch *b, struct intake_part *p)
{
    if (!p->joined)
        return;
    p->joined = false;
    TAILQ_REMOVE(&b->parts, p, parts);
}

size_t intake_batch_put(struct intake_batch *b, struct intake_part *p, const struct metric *m)
{
    size_t before = b->records.n, size;

    record_put(&b->records, m);
    if (!buf_ok(&b->records)) {
        intake_batch_commit(b); /* what is in there is whole; once it is out there is room again */
        return 0;
    }
    size = b->records.n - before;
    b->count++;
    b->all++;
    b->all_bytes += size;
    p->metrics++;
    intake_batch_join(b, p);
    if (b->records.n >= FULL)
        intake_batch_commit(b);
    return size;
}

static void settle_part(struct intake_batch *b, struct intake_part *p,
                        const struct intake_fate *fate)
{
    uint32_t metrics = p->metrics;

    intake_batch_leave(b, p);
    p->metrics = 0;
    p->settled(p->arg, metrics, fate);
}

void intake_batch_commit(struct intake_batch *b)
{
    struct intake_fate fate = {0};
    struct why why = {0};
    struct intake_part *p;
    uint64_t ticket = 0;
    int r = 0;

    if (b->count > 0) {
        r = b->commit(b->arg, b->records.p, b->records.n, b->count, &ticket, &why);
        if (r < 0 && !b->refused)
            log_error("the spool refuses metrics: %s", why.text);
        b->refused = r < 0;
        if (r > 0)
            b->ticket = ticket;
    }
    buf_reset(&b->records);
    b->count = 0;
    fate.why = r < 0 ? why.text : NULL;
    fate.ticket = r > 0 ? ticket : 0;
    while ((p = TAILQ_FIRST(&b->parts)) != NULL)
        settle_part(b, p, &fate);
}

/* --- in flight --- */

static bool room_for_place(struct inflight *p)
{
    struct inflight_place *more;
    size_t cap = p->cap > 0 ? p->cap * 2 : 8;

    if (p->first + p->n < p->cap)
        return true;
    if (p->first > 0) {
        memmove(p->older, p->older + p->first, p->n * sizeof *p->older);
        p->first = 0;
        return true;
    }
    if ((more = reallocarray(p->older, cap, sizeof *more)) == NULL)
        return false;
    p->older = more;
    p->cap = cap;
    return true;
}

void inflight_add(struct inflight *p, uint64_t ticket, uint64_t metrics)
{
    if (metrics == 0)
        return;
    if (p->newest.metrics > 0 && p->newest.ticket != ticket && room_for_place(p)) {
        p->older[p->first + p->n++] = p->newest;
        p->newest.metrics = 0;
    }
    p->newest.ticket = ticket;
    p->newest.metrics += metrics;
    p->sum += metrics;
}

uint64_t inflight_settle(struct inflight *p, uint64_t ticket)
{
    uint64_t taken = 0;

    for (; p->n > 0 && p->older[p->first].ticket <= ticket; p->first++, p->n--)
        taken += p->older[p->first].metrics;
    if (p->n == 0 && p->newest.ticket <= ticket) {
        taken += p->newest.metrics;
        p->newest.metrics = 0;
    }
    p->sum -= taken;
    if (p->sum == 0)
        inflight_free(p);
    return taken;
}

void inflight_free(struct inflight *p)
{
    free(p->older);
    *p = (struct inflight){0};
}
