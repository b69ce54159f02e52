/* base/clock.h - the two clocks, in nanoseconds
 *
 * mono drives every deadline and cannot be stepped; wall stamps metrics and aligns the grid.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H
#include <stdint.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t clock_mono(void);
int64_t clock_wall(void);

#endif
