/* base/throttle.h - back-off arithmetic, pure
 *
 * Exponential between `base` and `cap` with jitter: the n-th delay in a row is drawn from [d/2,
 * d], d = base * 2^(n-1) up to cap. No clock and no random source in here: both are handed in.
 */
#ifndef BASE_THROTTLE_H
#define BASE_THROTTLE_H
#include <stdint.h>

struct throttle {
    int64_t base, cap; /* ns */
    uint32_t failures; /* in a row */
};

int64_t throttle_next(struct throttle *t, uint64_t random); /* counts a failure; ns to wait */
void throttle_ok(struct throttle *t);                       /* useful work was done */
uint64_t random_u64(void);                                  /* from the kernel */

#endif
