/* hostile.h - what the tests share that read a plugin's lines back: random numbers, values of every
 * kind at their edges, and whether the text in a line is such a value */
#ifndef HOSTILE_H
#define HOSTILE_H
#include "sink_kit.h"

static uint64_t hostile_seed;

static inline uint32_t any(uint32_t below)
{
    hostile_seed = hostile_seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (uint32_t)(hostile_seed >> 33) % below;
}

static inline void make_value(struct metric *m)
{
    static const uint64_t whole[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    static const double real[] = {5e-324, 1.7976931348623157e308, 0.1, -0.0, -1e21, 123456.789};

    if (any(2) == 0) {
        m->vtype = METRIC_F64;
        m->value.f = real[any(6)];
        return;
    }
    m->value.u = whole[any(5)];
    m->vtype = m->value.u > INT64_MAX ? METRIC_U64 : METRIC_I64;
    if (m->vtype == METRIC_I64 && any(2) == 0)
        m->value.i = -m->value.i - 1;
}

static inline void same_value(const struct metric *m, const char *text)
{
    char *end, digits[32];

    if (m->vtype == METRIC_F64) {
        double f = strtod(text, &end);

        cr_assert(*end == 0 && memcmp(&f, &m->value.f, sizeof f) == 0, "%s", text);
        return;
    }
    if (m->vtype == METRIC_I64)
        snprintf(digits, sizeof digits, "%lld", (long long)m->value.i);
    else
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)m->value.u);
    cr_assert_str_eq(text, digits);
}

static inline void make_time(struct metric *m)
{
    m->time_ns = (1 + (int64_t)any(2000000000)) * NS_PER_S + any(1000000000);
}

static inline void same_time(const struct metric *m, const char *text)
{
    char *end;
    long long seconds = strtoll(text, &end, 10);

    cr_assert(*end == 0 && text[0] >= '1' && text[0] <= '9', "not a time: %s", text);
    cr_assert_eq(seconds, m->time_ns / NS_PER_S);
}

/* Cuts the last blank and what follows off, and returns it. */
static inline char *cut_last(char *text)
{
    char *at = strrchr(text, ' ');

    cr_assert_not_null(at, "a field is missing: %s", text);
    *at = 0;
    return at + 1;
}

/* How many metrics to try: GARNET_TEST_LONG=1 makes it twenty times as many. */
static inline size_t hostile_rounds(void)
{
    return getenv("GARNET_TEST_LONG") != NULL ? 80000 : 4000;
}

#endif
