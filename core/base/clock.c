/* base/clock.c - clock_gettime(): without a system call (vDSO), and without failure */
#include "base/clock.h"

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return clock_ns(ts);
}

int64_t clock_ns(struct timespec t)
{
    int64_t ns;

    if (!__builtin_mul_overflow((int64_t)t.tv_sec, NS_PER_S, &ns) &&
        !__builtin_add_overflow(ns, (int64_t)t.tv_nsec, &ns))
        return ns;
    return t.tv_sec < 0 ? INT64_MIN : INT64_MAX;
}

int64_t clock_between(int64_t earlier, int64_t later)
{
    int64_t ns;

    if (!__builtin_sub_overflow(later, earlier, &ns))
        return ns;
    return later < earlier ? INT64_MIN : INT64_MAX;
}

int64_t clock_mono(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_ticks(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
