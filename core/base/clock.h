/* base/clock.h - the two clocks, in nanoseconds
 *
 * mono drives every deadline and cannot be stepped; wall stamps metrics and aligns the grid.
 */
#pragma once
#include <stdint.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

int64_t clock_mono(void);
/* mono at the kernel's last tick, so up to 10 ms ago: a tenth of the price, for what is asked all the time. */
int64_t clock_ticks(void);
int64_t clock_wall(void);
/* The last whole second up to `at`, by mono: who need not be exact wakes up at one, together with others. */
static inline int64_t clock_second(int64_t at)
{
    return at - at % NS_PER_S;
}
/* ns, not negative, as system calls have it. */
static inline struct timespec clock_timespec(int64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}
/* For stamps of files, which anybody may set to any year: what does not fit into nanoseconds (before
 * 1677, after 2262) is as far as they go. */
int64_t clock_ns(struct timespec t);
/* later - earlier, likewise. */
int64_t clock_between(int64_t earlier, int64_t later);
