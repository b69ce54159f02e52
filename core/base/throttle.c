/* base/throttle.c - a pause is doubled step by step, so that none overflows
 *
 * Nothing fails.
 */
#include "base/throttle.h"

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
