/* intake/rest.h - how long the loop may leave alone what comes, so that it is taken together
 *
 * To be woken costs as much as a hundred metrics. So where pieces follow each other the loop does not look at each of them,
 * but when about a hundred metrics have come, or after 5 ms. A piece that comes alone is taken at once. Pure: it knows no clock.
 */
#pragma once
#include <stdint.h>

struct rest {
    int64_t last;  /* mono: the turn before this that has taken something */
    int64_t awake; /* mono: none until then */
};

/* After a turn that began at `now` (mono) and has taken so much: when to look again. `now`: at once. */
int64_t rest_until(struct rest *r, uint64_t metrics, uint64_t bytes, int64_t now);
