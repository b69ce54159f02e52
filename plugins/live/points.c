/* live/points.c - chunks of 64 points, in a list
 *
 * It dies of nothing: a chunk for which there is no memory is a point that is not taken.
 */
#include "points.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { TICK_MS = 10, BASE_FROM = 65536 };

struct chunk {
    struct chunk *next;
    int64_t begin_ms;
    uint32_t n;
    float base;
    uint16_t at[CHUNK_POINTS]; /* in ticks from begin_ms on */
    float v[CHUNK_POINTS];
};

static void drop_first(struct points *p, struct stock *s)
{
    struct chunk *c = p->first;

    p->first = c->next;
    if (p->first == NULL)
        p->last = NULL;
    if (p->nchunks-- > POINTS_SHARE)
        s->used--;
    free(c);
}

/* A chunk more, which is the last; NULL: no memory. */
static struct chunk *grow(struct points *p, struct stock *s, int64_t ms, float base)
{
    struct chunk *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    if (p->nchunks >= POINTS_SHARE && s->used >= s->most) {
        s->shortened += ms - p->first->begin_ms < POINTS_WINDOW_MS;
        drop_first(p, s);
    }
    if (p->nchunks++ >= POINTS_SHARE)
        s->used++;
    c->begin_ms = ms;
    c->base = base;
    if (p->last != NULL)
        p->last->next = c;
    else
        p->first = c;
    p->last = c;
    return c;
}

/* What no float reaches becomes the largest one. */
static float narrow(double v)
{
    return v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : (float)v;
}

/* A difference that is larger than the value itself would have fewer of its digits. */
static bool suits(float base, double value)
{
    return base == 0 || fabs(value - (double)base) <= fabs(value);
}

static bool has_place(const struct chunk *c, int64_t ms, double value)
{
    return c != NULL && c->n < CHUNK_POINTS && ms - c->begin_ms <= UINT16_MAX * TICK_MS &&
           suits(c->base, value);
}

enum points_answer points_add(struct points *p, struct stock *s, int64_t ms, double value)
{
    struct chunk *c = p->last;
    bool large = fabs(value) >= BASE_FROM && fabs(value) <= (double)FLT_MAX &&
                 (c == NULL || suits(c->base, value));

    if (c != NULL && ms <= p->newest_ms)
        return POINTS_LATE;
    if (!has_place(c, ms, value) && (c = grow(p, s, ms, large ? narrow(value) : 0)) == NULL)
        return POINTS_NO_MEMORY;
    c->at[c->n] = (uint16_t)((ms - c->begin_ms + TICK_MS / 2) / TICK_MS);
    c->v[c->n++] = narrow(value - (double)c->base);
    p->newest = value;
    p->newest_ms = ms;
    return POINTS_TAKEN;
}

static int64_t ms_of(const struct chunk *c, uint32_t i)
{
    return c->begin_ms + (int64_t)c->at[i] * TICK_MS;
}

void points_drop(struct points *p, struct stock *s, int64_t from_ms)
{
    while (p->first != NULL && ms_of(p->first, p->first->n - 1) < from_ms)
        drop_first(p, s);
}

void points_free(struct points *p, struct stock *s)
{
    while (p->first != NULL)
        drop_first(p, s);
}

struct points_at points_begin(const struct points *p)
{
    return (struct points_at){p->first, 0};
}

bool points_next(struct points_at *at, int64_t *ms, double *value)
{
    while (at->chunk != NULL && at->i == at->chunk->n)
        *at = (struct points_at){at->chunk->next, 0};
    if (at->chunk == NULL)
        return false;
    *ms = ms_of(at->chunk, at->i);
    *value = (double)at->chunk->base + (double)at->chunk->v[at->i++];
    return true;
}
