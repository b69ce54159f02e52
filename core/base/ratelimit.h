/* base/ratelimit.h - rate limit: so many lines for the log and no more, the rest counted
 *
 * For lines that a stranger can cause at will, or that come again and again. Arithmetic only:
 * neither a clock nor the log is in here.
 */
#ifndef BASE_RATELIMIT_H
#define BASE_RATELIMIT_H
#include <stdbool.h>
#include <stdint.h>

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

#endif
