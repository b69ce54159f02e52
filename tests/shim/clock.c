/* clock.c - preloaded into a program: its wall clock, and no other, is off by what a test says
 *
 * GARNET_SHIM_CLOCK names a file of one int64_t, the nanoseconds by which CLOCK_REALTIME is ahead.
 * A test that writes another number there has stepped the clock at that moment, for every process
 * that has the shim. The monotonic clock, timers and what the kernel stamps (files) stay as they
 * are. Without the variable, or in a program that reads the clock otherwise, nothing changes.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "map.h"

#define NS_PER_S INT64_C(1000000000)

static const int64_t *ahead; /* in the control file */

__attribute__((constructor)) static void begin(void)
{
    ahead = shim_map("GARNET_SHIM_CLOCK", sizeof *ahead);
}

/* Floored, so that tv_nsec stays in its range before 1970 too. */
static void step(struct timespec *ts)
{
    int64_t ns = (int64_t)ts->tv_sec * NS_PER_S + ts->tv_nsec +
                 (ahead != NULL ? __atomic_load_n(ahead, __ATOMIC_RELAXED) : 0);
    int64_t nsec = (ns % NS_PER_S + NS_PER_S) % NS_PER_S;

    ts->tv_sec = (time_t)((ns - nsec) / NS_PER_S);
    ts->tv_nsec = (long)nsec;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, id, ts);

    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        step(ts);
    return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts = {0};
    int r = clock_gettime(CLOCK_REALTIME, &ts);

    (void)zone;
    *tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
    return r;
}

time_t time(time_t *out)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (out != NULL)
        *out = ts.tv_sec;
    return ts.tv_sec;
}
