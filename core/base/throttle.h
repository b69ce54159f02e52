/* base/throttle.h - how often: so many lines for the log, so long between two attempts
 *
 * Arithmetic only: the clock and the random numbers are handed in, and the log is the caller's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* A rate limit, for lines that a stranger can cause at will, or that come again and again. */
struct rate {
    unsigned lines; /* at once, and then in each ... */
    int64_t per_ns; /* ... of these */
    int64_t pause;  /* ns: once they are used up, nothing until this much of per_ns is back; 0: one
                     * line's worth; per_ns: so many from the first one on, and no more before the
                     * period has ended */
};

struct ratelimit { /* all zero: nothing used */
    int64_t used;  /* ns of per_ns */
    int64_t at;    /* as of when; with the longest pause, when the period began */
    bool exhausted;
    uint64_t left_out; /* lines since it is */
};

/* One more line. True: log it, and that *left_out lines are missing before it, unless 0. */
bool ratelimit_take(struct ratelimit *l, const struct rate *r, int64_t now, uint64_t *left_out);
/* How many are missing now: for a last word. They count as reported. */
uint64_t ratelimit_rest(struct ratelimit *l);

/* A pause between two attempts: exponential between `base` and `cap` with jitter. The n-th in a row is
 * drawn from [d/2, d], d = base * 2^(n-1) up to cap; or, where many wait for the same thing and must
 * not all come at once, from [0, d]. */
struct throttle {
    int64_t base, cap; /* ns */
    uint32_t failures; /* in a row */
};

int64_t throttle_next(struct throttle *t, uint64_t random);   /* counts a failure; ns to wait */
int64_t throttle_spread(struct throttle *t, uint64_t random); /* likewise, from [0, d] */
void throttle_ok(struct throttle *t);                         /* useful work was done */
