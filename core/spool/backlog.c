/* spool/backlog.c - a list in the order of arrival
 *
 * Fails only when it is full, or for want of memory; then the caller refuses the batch.
 */
#include "spool/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct held_batch {
    struct held_batch *next;
    size_t n;
    uint32_t count;
    int64_t accepted_ns; /* wall clock */
    char payload[];
};

static size_t cost(size_t n)
{
    return sizeof(struct held_batch) + n;
}

bool backlog_put(struct backlog *b, const void *payload, size_t n, uint32_t count)
{
    struct held_batch *h;

    if (n > BACKLOG_MAX || cost(n) > BACKLOG_MAX - b->bytes || (h = malloc(cost(n))) == NULL)
        return false;
    h->next = NULL;
    h->n = n;
    h->count = count;
    h->accepted_ns = clock_wall();
    memcpy(h->payload, payload, n);
    if (b->last != NULL)
        b->last->next = h;
    else
        b->first = h;
    b->last = h;
    b->bytes += cost(n);
    b->batches++;
    b->metrics += count;
    return true;
}

static void drop_oldest(struct backlog *b)
{
    struct held_batch *h = b->first;

    b->first = h->next;
    if (b->first == NULL)
        b->last = NULL;
    b->bytes -= cost(h->n);
    b->batches--;
    b->metrics -= h->count;
    free(h);
}

int backlog_flush(struct backlog *b, struct append *a)
{
    uint64_t end;

    while (b->first != NULL) {
        const struct held_batch *h = b->first;

        if (append_held(a, h->payload, h->n, h->count, h->accepted_ns, &end) < 0)
            return -1;
        drop_oldest(b);
    }
    return 0;
}

void backlog_clear(struct backlog *b)
{
    while (b->first != NULL)
        drop_oldest(b);
}
