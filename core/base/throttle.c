/* base/throttle.c - a token bucket in nanoseconds; a pause that is doubled step by step
 *
 * A line costs per_ns / lines, and time gives it back: bit by bit, or with the longest pause all at
 * once when the period has ended. Nothing here fails or overflows; a clock that goes back gives
 * nothing.
 */
#include "base/throttle.h"

uint64_t ratelimit_rest(struct ratelimit *l)
{
    uint64_t n = l->left_out;

    l->left_out = 0;
    return n;
}

static void give_back(struct ratelimit *l, const struct rate *r, int64_t now)
{
    int64_t since = now > l->at ? now - l->at : 0;

    if (r->pause < r->per_ns)
        l->used = since < l->used ? l->used - since : 0;
    else if (l->used == 0 || since >= r->per_ns)
        l->used = 0;
    else
        return;
    l->at = now;
}

bool ratelimit_take(struct ratelimit *l, const struct rate *r, int64_t now, uint64_t *left_out)
{
    int64_t price = r->per_ns / r->lines;

    *left_out = 0;
    give_back(l, r, now);
    if (r->per_ns - l->used < (l->exhausted && r->pause > price ? r->pause : price)) {
        l->exhausted = true;
        l->left_out++;
        return false;
    }
    l->used += price;
    l->exhausted = false;
    *left_out = ratelimit_rest(l);
    return true;
}

/* --- pauses --- */

/* Counts a failure; the longest pause that may follow it. */
static int64_t longest(struct throttle *t)
{
    int64_t d = t->base < t->cap ? t->base : t->cap;

    for (uint32_t i = 0; i < t->failures && d > 0 && d < t->cap; i++)
        d = d > t->cap / 2 ? t->cap : d * 2;
    if (t->failures < UINT32_MAX)
        t->failures++;
    return d > 0 ? d : 0;
}

int64_t throttle_next(struct throttle *t, uint64_t random)
{
    int64_t d = longest(t);

    return d / 2 + (int64_t)(random % (uint64_t)(d - d / 2 + 1));
}

int64_t throttle_spread(struct throttle *t, uint64_t random)
{
    return (int64_t)(random % ((uint64_t)longest(t) + 1));
}

void throttle_ok(struct throttle *t)
{
    t->failures = 0;
}
