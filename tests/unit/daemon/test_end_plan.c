/* tests/unit/daemon/test_end_plan.c - daemon/end_plan.h: the shares of shutdown_timeout */
#include <criterion/criterion.h>

#include "base/clock.h"
#include "daemon/end_plan.h"

static const int64_t NOW = 1000 * NS_PER_S;

Test(end_plan, the_sinks_have_half_and_runs_three_eighths)
{
    const struct end_plan p = end_plan_of(NOW, 8 * NS_PER_S);

    cr_assert_eq(p.collectors, NOW + 3 * NS_PER_S);
    cr_assert_eq(p.intake, NOW + 4 * NS_PER_S);
    cr_assert_eq(p.sinks, NOW + 8 * NS_PER_S);
}

Test(end_plan, each_step_has_its_time_and_the_whole_is_a_second_longer_at_most)
{
    for (int64_t most = NS_PER_MS; most <= 3600 * NS_PER_S; most *= 2) {
        const struct end_plan p = end_plan_of(NOW, most);

        cr_assert_lt(NOW, p.collectors);
        cr_assert_lt(p.collectors, p.intake);
        cr_assert_leq(p.intake - p.collectors, 2 * NS_PER_S);
        cr_assert_leq(most / 2, p.sinks - p.intake);
        cr_assert_lt(p.sinks, p.workers);
        cr_assert_lt(p.workers, p.all);
        cr_assert_lt(p.all, NOW + most + NS_PER_S);
    }
}

/* What the steps before have left is the next one's. */
Test(end_plan, the_intake_waits_two_seconds_and_not_into_the_sinks_half)
{
    const struct end_plan p = end_plan_of(NOW, 60 * NS_PER_S);

    cr_assert_eq(end_plan_intake(&p, NOW), NOW + 2 * NS_PER_S);
    cr_assert_eq(end_plan_intake(&p, p.intake - NS_PER_S), p.intake);
    cr_assert_eq(end_plan_intake(&p, p.intake + NS_PER_S), p.intake);
}

Test(end_plan, nothing_is_waited_for_beyond_its_end)
{
    const struct end_plan p = end_plan_of(NOW, 10 * NS_PER_S), none = {0};

    cr_assert_eq(end_plan_within(&p, NOW, NS_PER_S), NOW + NS_PER_S);
    cr_assert_eq(end_plan_within(&p, p.all - 1, NS_PER_S), p.all);
    cr_assert_eq(end_plan_within(&none, NOW, NS_PER_S), NOW + NS_PER_S, "none was asked for");
}
