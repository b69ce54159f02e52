/* plugin/pending.c - the batches in flight, in a ring of fixed places
 *
 * Rejected metrics are marked by bit, so that one which is named twice counts once; the marks are
 * thrown away with each new attempt, which is judged anew. A plugin that names a batch it does not
 * have, or a metric that is not in it, broke a rule; so does, in effect, want of memory for the marks.
 */
#include "plugin/pending.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"

void pending_init(struct pending *p, struct call *c)
{
    *p = (struct pending){.call = c, .id = 1};
}

/* The n-th is the batch at hand. */
struct pending_batch *pending_nth(struct pending *p, unsigned i)
{
    return &p->v[(p->head + i) % GARNET_PENDING_MAX];
}

bool pending_full(const struct pending *p)
{
    return p->n == GARNET_PENDING_MAX;
}

/* Unused places have no state. */
bool pending_again(const struct pending *p)
{
    for (unsigned i = 0; i < GARNET_PENDING_MAX; i++)
        if (p->v[i].state == PENDING_AGAIN)
            return true;
    return false;
}

static void free_rejections(struct pending_batch *b)
{
    free(b->marked);
    b->marked = NULL;
    b->rejected = 0;
}

static void free_batch(struct pending_batch *b)
{
    buf_free(&b->bytes);
    free_rejections(b);
    b->state = PENDING_NONE;
}

/* --- a batch's way --- */

struct pending_batch *pending_at_hand(struct pending *p, const struct buf *bytes, uint32_t nmetrics)
{
    struct pending_batch *b = pending_nth(p, p->n);

    *b = (struct pending_batch){.batch = {.size = sizeof b->batch,
                                          .nmetrics = nmetrics,
                                          .data = bytes->p,
                                          .n = bytes->n,
                                          .id = p->id,
                                          .attempt = p->attempt}};
    return b;
}

void pending_add(struct pending *p, uint64_t end)
{
    pending_nth(p, p->n)->end = end;
    p->n++;
    p->id++;
    p->attempt = 0;
}

void pending_put_back(struct pending *p)
{
    struct pending_batch *b = pending_nth(p, p->n);

    p->attempt = b->batch.attempt;
    free_batch(b);
}

void pending_enter(struct pending_batch *b)
{
    b->batch.attempt++;
    b->state = PENDING_CALLED;
    b->confirmed = 0;
    free_rejections(b);
}

int pending_leave(struct pending_batch *b, int answer)
{
    b->state = PENDING_OPEN;
    if (answer == GARNET_PENDING && b->confirmed != 0)
        answer = b->answer;
    b->confirmed = 0;
    return answer;
}

void pending_keep(struct pending_batch *b, struct buf bytes)
{
    b->bytes = bytes;
}

struct pending_batch *pending_confirmed(struct pending *p)
{
    struct pending_batch *first = NULL;

    for (unsigned i = 0; i < p->n; i++) {
        struct pending_batch *b = pending_nth(p, i);

        if (b->confirmed != 0 && (first == NULL || b->confirmed < first->confirmed))
            first = b;
    }
    if (first != NULL)
        first->confirmed = 0;
    return first;
}

uint32_t pending_end(struct pending_batch *b, int answer, const char *why)
{
    if (answer == GARNET_RETRY) {
        b->state = PENDING_AGAIN;
        return 0;
    }
    if (answer == GARNET_REJECT) {
        log_warn("a batch of %" PRIu32 " metrics is rejected: %s", b->batch.nmetrics, why);
        b->rejected = b->batch.nmetrics;
    } else if (b->rejected > 0) {
        log_warn("%" PRIu32 " of a batch of %" PRIu32
                 " metrics are rejected; the first named, number %" PRIu32 ": %s",
                 b->rejected, b->batch.nmetrics, b->first, b->first_why.text);
    }
    b->state = PENDING_DONE;
    return b->rejected;
}

bool pending_shift(struct pending *p, uint64_t *end)
{
    struct pending_batch *b = pending_nth(p, 0);

    if (p->n == 0 || b->state != PENDING_DONE)
        return false;
    *end = b->end;
    free_batch(b);
    p->head = (p->head + 1) % GARNET_PENDING_MAX;
    p->n--;
    return true;
}

void pending_free(struct pending *p)
{
    for (unsigned i = 0; i < p->n; i++)
        free_batch(pending_nth(p, i));
    p->n = 0;
}

/* --- the plugin's calls --- */

/* The batch that is being delivered, or one that the plugin has; NULL: `id` is neither. */
static struct pending_batch *find_open(struct pending *p, uint64_t id)
{
    for (unsigned i = 0; i <= p->n && i < GARNET_PENDING_MAX; i++) {
        struct pending_batch *b = pending_nth(p, i);

        if ((b->state == PENDING_CALLED || b->state == PENDING_OPEN) && b->batch.id == id &&
            b->confirmed == 0)
            return b;
    }
    return NULL;
}

void pending_reject(struct pending *p, uint64_t id, uint32_t index, const char *why)
{
    struct pending_batch *b = find_open(p, id);

    if (b == NULL) {
        call_broke(p->call, "it rejects a metric of batch %" PRIu64 ", which is not pending", id);
        return;
    }
    if (index >= b->batch.nmetrics) {
        call_broke(p->call, "it rejects metric %" PRIu32 " of a batch that has %" PRIu32, index,
                   b->batch.nmetrics);
        return;
    }
    if (b->marked == NULL && (b->marked = calloc(b->batch.nmetrics / 8 + 1, 1)) == NULL) {
        call_broke(p->call, "no memory to count a rejected metric");
        return;
    }
    if ((b->marked[index / 8] & 1U << index % 8) != 0)
        return;
    b->marked[index / 8] |= (uint8_t)(1U << index % 8);
    if (b->rejected++ > 0)
        return;
    b->first = index;
    (void)why_set(&b->first_why, "%s", why);
}

void pending_confirm(struct pending *p, uint64_t id, int answer)
{
    struct pending_batch *b = find_open(p, id);

    if (answer != GARNET_OK && answer != GARNET_RETRY && answer != GARNET_REJECT) {
        call_broke(p->call, "it confirms a batch with %d, which is none of OK, RETRY, REJECT",
                   answer);
    } else if (b == NULL) {
        call_broke(p->call, "it confirms batch %" PRIu64 ", which is not pending", id);
    } else {
        b->confirmed = ++p->confirmations;
        b->answer = answer;
        b->why = p->call->why;
        if (b->why.text[0] == 0)
            (void)why_set(&b->why, "batch %" PRIu64 ": no reason given", id);
    }
}
