/* plugin/pending.c - a list, and counts of what is in it. Fails only for want of memory */
#include "plugin/pending.h"

#include <stdlib.h>

#include "base/random.h"

void pending_init(struct pending *p)
{
    *p = (struct pending){0};
    TAILQ_INIT(&p->all);
    TAILQ_INIT(&p->said);
}

static void empty(struct pending_batch *b)
{
    if (b->bytes.p != NULL)
        free(b->places.v);
    b->places = (struct places){0};
    buf_free(&b->bytes);
    pending_forget_rejected(b);
}

static void free_batch(struct pending_batch *b)
{
    if (b != NULL)
        empty(b);
    free(b);
}

void pending_free(struct pending *p)
{
    struct pending_batch *b;

    while ((b = TAILQ_FIRST(&p->all)) != NULL) {
        TAILQ_REMOVE(&p->all, b, all);
        free_batch(b);
    }
    free_batch(p->spare);
    pending_init(p);
}

struct pending_batch *pending_add(struct pending *p, const garnet_batch *batch)
{
    struct pending_batch *b = p->spare != NULL ? p->spare : malloc(sizeof *b);

    if (b == NULL)
        return NULL;
    p->spare = NULL;
    *b = (struct pending_batch){.batch = *batch, .state = PENDING_CALLED};
    TAILQ_INSERT_TAIL(&p->all, b, all);
    p->n++;
    return b;
}

void pending_set(struct pending *p, struct pending_batch *b, enum pending_state to)
{
    p->again += to == PENDING_AGAIN;
    p->again -= b->state == PENDING_AGAIN;
    b->state = to;
}

void pending_remove(struct pending *p, struct pending_batch *b)
{
    pending_forget(p, b);
    pending_set(p, b, PENDING_OPEN);
    TAILQ_REMOVE(&p->all, b, all);
    p->n--;
    free_batch(p->spare);
    empty(b);
    p->spare = b;
}

struct pending_batch *pending_find(struct pending *p, uint64_t id)
{
    struct pending_batch *b;

    TAILQ_FOREACH (b, &p->all, all)
        if (b->batch.id == id)
            return b->state != PENDING_AGAIN && !b->confirmed ? b : NULL;
    return NULL;
}

/* --- what is said of one --- */

void pending_confirm(struct pending *p, struct pending_batch *b, int answer, int64_t wait_ns,
                     const struct why *why)
{
    b->confirmed = true;
    b->answer = answer;
    b->wait_ns = wait_ns;
    b->why = *why;
    TAILQ_INSERT_TAIL(&p->said, b, said);
}

void pending_forget(struct pending *p, struct pending_batch *b)
{
    if (b->confirmed)
        TAILQ_REMOVE(&p->said, b, said);
    b->confirmed = false;
}

struct pending_batch *pending_take(struct pending *p)
{
    struct pending_batch *b = TAILQ_FIRST(&p->said);

    if (b != NULL)
        pending_forget(p, b);
    return b;
}

bool pending_reject(struct pending_batch *b, uint32_t index, const char *why)
{
    uint8_t bit = (uint8_t)(1U << index % 8);

    if (b->marked == NULL && (b->marked = calloc(b->batch.nmetrics / 8 + 1, 1)) == NULL)
        return false;
    if ((b->marked[index / 8] & bit) != 0)
        return true;
    b->marked[index / 8] |= bit;
    if (b->rejected++ > 0)
        return true;
    b->first = index;
    (void)why_set(&b->first_why, "%s", why);
    return true;
}

void pending_forget_rejected(struct pending_batch *b)
{
    free(b->marked);
    b->marked = NULL;
    b->rejected = 0;
}

/* --- how it goes --- */

bool pending_any_open(const struct pending *p, uint64_t id)
{
    const struct pending_batch *b;

    TAILQ_FOREACH_REVERSE(b, &p->all, pending_list, all)
    {
        if (b->batch.id <= id)
            return false;
        if (b->state != PENDING_AGAIN)
            return true;
    }
    return false;
}

bool pending_any_failing(const struct pending *p)
{
    const struct pending_batch *b;

    TAILQ_FOREACH (b, &p->all, all)
        if (b->state == PENDING_AGAIN || b->batch.attempt > 1)
            return true;
    return false;
}

/* --- those that come again --- */

struct pending_batch *pending_due(struct pending *p, bool ordered, int64_t now)
{
    struct pending_batch *b;

    if (p->again == 0)
        return NULL;
    TAILQ_FOREACH (b, &p->all, all) {
        if (b->state != PENDING_AGAIN)
            continue;
        if (b->pause.until <= now)
            return b;
        if (ordered)
            return NULL;
    }
    return NULL;
}

int64_t pending_due_at(const struct pending *p, bool ordered)
{
    const struct pending_batch *b;
    int64_t at = -1;

    if (p->again == 0)
        return -1;
    TAILQ_FOREACH (b, &p->all, all) {
        if (b->state != PENDING_AGAIN)
            continue;
        if (at < 0 || b->pause.until < at)
            at = b->pause.until;
        if (ordered)
            return at;
    }
    return at;
}

struct pending_batch *pending_eldest_again(const struct pending *p)
{
    struct pending_batch *b, *eldest = NULL;

    if (p->again == 0)
        return NULL;
    TAILQ_FOREACH (b, &p->all, all)
        if (b->state == PENDING_AGAIN && (eldest == NULL || b->eldest_ns < eldest->eldest_ns))
            eldest = b;
    return eldest;
}

void pause_begin(struct pause *p, int64_t now, int64_t least)
{
    int64_t ns = throttle_next(&p->throttle, random_u64());

    p->least = now + least;
    p->until = ns > least ? now + ns : p->least;
}

void pause_cut(struct pause *p)
{
    p->until = p->least;
}
