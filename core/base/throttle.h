/* base/throttle.h - back-off arithmetic, pure
 *
 * Exponential between `base` and `cap` with jitter: the n-th delay in a row is drawn from [d/2,
 * d], d = base * 2^(n-1) up to cap; or, where many wait for the same thing and must not all come at
 * once, from [0, d]. No clock and no random source in here: both are handed in.
 */
#ifndef BASE_THROTTLE_H
#define BASE_THROTTLE_H
#include <stdint.h>

struct throttle {
    int64_t base, cap; /* ns */
    uint32_t failures; /* in a row */
};

int64_t throttle_next(struct throttle *t, uint64_t random);   /* counts a failure; ns to wait */
int64_t throttle_spread(struct throttle *t, uint64_t random); /* likewise, from [0, d] */
void throttle_ok(struct throttle *t);                         /* useful work was done */

#endif
