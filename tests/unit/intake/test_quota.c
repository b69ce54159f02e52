/* tests/unit/intake/test_quota.c - the set of series: what it knows, what it holds, what it costs */
#include <criterion/criterion.h>

#include "intake/quota.h"

static struct metric m = {.type = METRIC_GAUGE, .name = {"a", 1}, .unit = {"B", 1}};

static uint64_t of(void)
{
    return series_hash(&m, 7);
}

Test(series, what_makes_a_series)
{
    uint64_t first = of();

    m.value.i = 5;
    m.time_ns = 6;
    cr_assert_eq(of(), first);
    cr_assert_neq(series_hash(&m, 8), first);
    m.type = METRIC_COUNTER;
    cr_assert_neq(of(), first);
    m.type = METRIC_GAUGE;
    m.unit = str_of("s");
    cr_assert_neq(of(), first);
    m.unit = str_of("B");
    m.ntags = 1;
    m.tags[0] = (struct tag){str_of("ab"), str_of("c")};
    first = of();
    m.tags[0] = (struct tag){str_of("a"), str_of("bc")};
    cr_assert_neq(of(), first);
}

Test(series, holds_its_limit_and_no_more_memory)
{
    static const size_t LIMITS[] = {1, 2, 3, 63, 100, 10000, 300007};

    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        struct series s = {0};
        size_t limit = LIMITS[i], before;

        for (uint64_t k = 0; k < limit; k++) {
            uint64_t hash = k * UINT64_C(0x9e3779b97f4a7c15); /* 0 is among them */

            before = s.cap;
            cr_assert_eq(series_add(&s, hash, limit), SERIES_NEW);
            cr_assert_eq(series_add(&s, hash, limit), SERIES_KNOWN);
            if (s.cap != before) /* it grew: both were there for a moment */
                cr_assert_leq((before + s.cap) * sizeof *s.slots, 16 * limit + 1024);
        }
        cr_assert_eq(series_add(&s, 2, limit), SERIES_FULL); /* (0 passes for 1) */
        for (uint64_t k = 0; k < limit; k++)
            cr_assert_eq(series_add(&s, k * UINT64_C(0x9e3779b97f4a7c15), limit), SERIES_KNOWN);
        series_free(&s);
        cr_assert_null(s.slots);
    }
}

Test(series, a_limit_that_changes)
{
    struct series s = {0};

    for (uint64_t k = 1; k <= 100; k++)
        cr_assert_eq(series_add(&s, k << 40, 100), SERIES_NEW);
    cr_assert_eq(series_add(&s, 1, 50), SERIES_FULL);
    cr_assert_eq(series_add(&s, UINT64_C(1) << 40, 50), SERIES_KNOWN);
    for (uint64_t k = 101; k <= 1000; k++)
        cr_assert_eq(series_add(&s, k << 40, 1000), SERIES_NEW);
    cr_assert_eq(series_add(&s, 1, 1000), SERIES_FULL);
    series_free(&s);
}
