/* daemon/end_plan.c - the only place that has the shares */
#include "daemon/end_plan.h"

#include "base/clock.h"

static const int64_t intake_most = 2 * NS_PER_S;
static const int64_t workers_late = 700 * NS_PER_MS, all_late = 900 * NS_PER_MS;

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct end_plan end_plan_of(int64_t now, int64_t shutdown_timeout)
{
    int64_t half = now + shutdown_timeout / 2, whole = now + shutdown_timeout;

    return (struct end_plan){.collectors = half - sooner(shutdown_timeout / 8, intake_most),
                             .intake = half,
                             .sinks = whole,
                             .workers = whole + workers_late,
                             .all = whole + all_late};
}

int64_t end_plan_intake(const struct end_plan *p, int64_t now)
{
    return sooner(now + intake_most, p->intake);
}

int64_t end_plan_within(const struct end_plan *p, int64_t now, int64_t most)
{
    return p->all != 0 ? sooner(now + most, p->all) : now + most;
}
