/* base/ratelimit.c - a token bucket in nanoseconds
 *
 * A line costs per_ns / lines, and time gives it back: bit by bit, or with the longest pause all at
 * once when the period has ended. Nothing here fails; a clock that goes back gives nothing.
 */
#include "base/ratelimit.h"

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
