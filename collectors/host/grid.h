/* grid.h - when the next round is due: at multiples of the interval on the wall clock, as garnetd's runs. Pure
 *
 * It does not drift, since each due time is made from the clock and not from the last round. What passes while a round
 * takes too long is skipped and counted; a clock that is set back begins anew, and one that is set forward has missed
 * what lies between.
 */
#pragma once
#include <stdint.h>

struct grid {
    int64_t every; /* ns */
    int64_t due;   /* Unix ns; 0: none yet */
};

/* How long to wait at `now` for the next due time, ns; 0: it is there. */
int64_t grid_wait(struct grid *g, int64_t now);
/* After that said 0: the due time that this round is for, and how many before it have passed without one. */
int64_t grid_take(struct grid *g, int64_t now, int64_t *missed);
