/* tests/unit/test_output.c - base/output.h: the quota, under a simulated clock */
#include "base/clock.h"
#include "base/output.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define S NS_PER_S

Test(output, a_burst_and_then_a_rate)
{
    struct output_quota q;
    uint64_t left_out;

    output_quota_init(&q, 5 * S);
    for (int i = 0; i < OUTPUT_BURST; i++) {
        cr_assert(output_quota_take(&q, 5 * S, &left_out));
        cr_assert_eq(left_out, 0);
    }
    cr_assert_not(output_quota_take(&q, 5 * S, &left_out));
    cr_assert_not(output_quota_take(&q, 6 * S - 1, &left_out), "only with a second's worth");
    cr_assert(output_quota_take(&q, 6 * S, &left_out));
    cr_assert_eq(left_out, 2);
    for (int i = 1; i < OUTPUT_RATE; i++)
        cr_assert(output_quota_take(&q, 6 * S, &left_out));
    cr_assert_not(output_quota_take(&q, 6 * S, &left_out));
}

Test(output, a_quiet_one_never_loses_a_line)
{
    struct output_quota q;
    uint64_t left_out;

    output_quota_init(&q, 0);
    for (int64_t i = 1; i < 1000000; i++)
        cr_assert(output_quota_take(&q, i * S / OUTPUT_RATE, &left_out) && left_out == 0);
}

Test(output, in_a_year_the_rate_holds_and_every_line_is_accounted_for)
{
    struct output_quota q;
    uint64_t left_out, lines = 0, said = 0, missing = 0;
    int64_t now = 0;

    output_quota_init(&q, 0);
    srand(1);
    while (now < 365 * 86400 * S) {
        now += rand() % 100 == 0 ? rand() % 86400 * S : rand() % 60 * (S / 1000);
        for (int i = rand() % 300; i > 0; i--) {
            bool ok = output_quota_take(&q, now, &left_out);

            lines++;
            said += ok;
            missing += left_out;
            cr_assert(ok || left_out == 0);
        }
        cr_assert(said <= OUTPUT_BURST + (uint64_t)(now / S + 1) * OUTPUT_RATE);
    }
    cr_assert_eq(said + missing + q.left_out, lines);
    cr_assert(missing > 1000);
}
