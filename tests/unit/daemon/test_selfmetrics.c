/* tests/unit/daemon/test_selfmetrics.c - daemon/selfmetrics.h: which rows become metrics, when, and with which tags */
#include <criterion/criterion.h>

#include "daemon/selfmetrics.h"
#include "rig/daemon_stand.h"

static struct stand stand;
static struct generation *generation;
static struct self_round last;
static int nrounds;

static void on_round(void *arg, const struct self_round *at)
{
    struct self_round mine = *at;

    (void)arg;
    last = *at;
    nrounds++;
    mine.key = "sink", mine.val = "main";
    self_count(&mine, BASIC, "basic.count", "Metric", "exit", 7);
    self_gauge(&mine, FULL, "full.gauge", "B", 8);
    self_real(&mine, BASIC, "basic.real", "s", 1.5);
}

/* With its own selfmetrics in place of the stand's, which have no rounds. */
static struct selfmetrics *begin(const char *conf)
{
    stand_begin(&stand);
    (void)stand_configure(&stand, conf);
    generation = stand_generation(&stand);
    stand_intake(&stand, generation->conf);
    selfmetrics_stop(stand.self);
    selfmetrics_init(stand.self, stand.loop, stand.intake, generation->conf, on_round, NULL);
    return stand.self;
}

static void end(void)
{
    generation_unref(generation);
    stand_end(&stand);
}

TestSuite(selfmetrics, .timeout = 60);

Test(selfmetrics, rounds_are_on_the_grid)
{
    struct selfmetrics *s =
        begin("self_metrics: {interval: 1s, level: full}\ntags: {env: prod, sink: theirs}\n");
    int64_t first;

    selfmetrics_start(s);
    STAND_UNTIL(&stand, nrounds == 1);
    first = last.time;
    STAND_UNTIL(&stand, nrounds == 2);
    cr_assert_eq(first % NS_PER_S, 0);
    cr_assert_eq(last.time, first + NS_PER_S);
    cr_assert_eq(last.interval, NS_PER_S);
    STAND_UNTIL(
        &stand,
        stand_taken(&stand, "basic.count 7 env=prod host=testhost sink=main why=exit at ") == 2);
    cr_assert_eq(stand_taken(&stand, "full.gauge 8 "), 2);
    cr_assert_eq(stand_taken(&stand, "basic.real 1.5 "), 2);
    selfmetrics_stop(s);
    for (int64_t until = clock_mono() + 1500 * NS_PER_MS; clock_mono() < until;)
        (void)loop_turn(stand.loop, 50 * NS_PER_MS);
    cr_assert_eq(nrounds, 2, "no more of them");
    end();
}

Test(selfmetrics, a_level_leaves_rows_out)
{
    struct selfmetrics *s = begin("self_metrics: 1s\n");

    selfmetrics_start(s);
    STAND_UNTIL(&stand, stand_taken(&stand, "basic.real") == 1);
    cr_assert_eq(stand_taken(&stand, "full"), 0);
    end();
}

Test(selfmetrics, none_while_they_are_off)
{
    struct selfmetrics *s = begin("self_metrics: 0\n");
    struct self_round at = selfmetrics_beginning(s, clock_wall());
    struct generation *on;

    selfmetrics_start(s);
    self_count(&at, BASIC, "basic.count", "Metric", NULL, 1);
    for (int64_t until = clock_mono() + 1200 * NS_PER_MS; clock_mono() < until;)
        (void)loop_turn(stand.loop, 50 * NS_PER_MS);
    cr_assert_eq(nrounds, 0);
    cr_assert_eq(stand.taken.n, 0);
    (void)stand_configure(&stand, "self_metrics: 1s\n");
    on = stand_generation(&stand);
    selfmetrics_configure(s, on->conf);
    STAND_UNTIL(&stand, stand_taken(&stand, "basic.count 7 ") > 0);
    generation_unref(on);
    end();
}

Test(selfmetrics, what_begins_has_its_counters)
{
    struct selfmetrics *s = begin("self_metrics: {interval: 10s, level: full}\n");
    struct self_round at = selfmetrics_beginning(s, 5 * NS_PER_S);

    on_round(NULL, &at);
    at.zero = true;
    on_round(NULL, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "basic.count 7 host=testhost sink=main why=exit at 5000\n"),
                 1);
    cr_assert_eq(stand_taken(&stand, "basic.count 0 host=testhost sink=main why=exit at 5000\n"),
                 1);
    cr_assert_eq(stand_taken(&stand, "full") + stand_taken(&stand, "real"), 0,
                 "no gauge is true before it was looked at");
    end();
}

Test(selfmetrics, large_counters)
{
    struct selfmetrics *s = begin("self_metrics: 10s\n");
    struct self_round at = selfmetrics_beginning(s, 0);

    self_count(&at, BASIC, "most.signed", "Metric", NULL, INT64_MAX);
    self_count(&at, BASIC, "more", "Metric", NULL, UINT64_MAX);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "most.signed 9223372036854775807 "), 1);
    cr_assert_eq(stand_taken(&stand, "more -1 "), 1, "which the stand prints as signed");
    end();
}
