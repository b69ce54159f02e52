/* tests/rig/hostile.c - a linear congruential generator, and tables of edges */
#include "rig/hostile.h"

uint64_t hostile_seed;

uint32_t any_below(uint32_t n)
{
    hostile_seed = hostile_seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(hostile_seed >> 33) % n;
}

void make_value(struct metric *m)
{
    static const uint64_t whole[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    static const double real[] = {5e-324, 1.7976931348623157e308, 0.1, -0.0, -1e21, 123456.789};

    if (any_below(2) == 0) {
        m->vtype = METRIC_F64;
        m->value.f = real[any_below(6)];
        return;
    }
    m->value.u = whole[any_below(5)];
    m->vtype = m->value.u > INT64_MAX ? METRIC_U64 : METRIC_I64;
    if (m->vtype == METRIC_I64 && any_below(2) == 0)
        m->value.i = -m->value.i - 1;
}

void make_time(struct metric *m)
{
    m->time_ns = (1 + (int64_t)any_below(2000000000)) * NS_PER_S + any_below(1000000000);
}

size_t hostile_rounds(void)
{
    return getenv("GARNET_TEST_LONG") != NULL ? 80000 : 4000;
}
