/* daemon/sink_stats.h: a plugin's counters go on over workers, whatever the page of the worker says */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "daemon/sink_stats.h"
#include "model/metric.h"
#include "rig/daemon_stand.h"

static struct stand stand;
static struct generation *generation;
static struct statboard board;
static struct sink_stats stats;

static void begin(void)
{
    stand_begin(&stand);
    (void)stand_configure(&stand, "self_metrics: 1h\n");
    generation = stand_generation(&stand);
    stand_intake(&stand, generation->conf);
    selfmetrics_configure(stand.self, generation->conf);
}

static void end(void)
{
    generation_unref(generation);
    stand_end(&stand);
}

TestSuite(sink_stats, .init = begin, .fini = end, .timeout = 60);

static void worker(const char *counter, const char *gauge)
{
    struct stat_row rows[] = {{METRIC_COUNTER, "", "B"}, {METRIC_GAUGE, "", ""}};

    (void)snprintf(rows[0].name, sizeof rows[0].name, "%s", counter);
    (void)snprintf(rows[1].name, sizeof rows[1].name, "%s", gauge);
    statboard_show(&board, rows, 2);
}

/* A round, as sinks.c has it: all that is written, as "NAME=VALUE ". */
static const char *round_of(bool at_work)
{
    static char text[4096];
    struct self_round at = selfmetrics_beginning(stand.self, 1), all = at;
    struct str rest, line;
    size_t n = 0;

    stand.taken.n = 0;
    at.zero = true;
    all.only_counters = false;
    sink_stats_look(&stats, "main", &board);
    sink_stats_begun(&stats, &at);
    sink_stats_look(&stats, "main", &board);
    sink_stats_metrics(&stats, &all, at_work ? &board : NULL);
    (void)loop_turn(stand.loop, 0); /* which ends the intake's batch */
    rest = (struct str){stand.taken.p, stand.taken.n};
    text[0] = 0;
    while (str_line(&rest, &line)) {
        char name[64], value[32];

        cr_assert_eq(sscanf(line.s, "garnet.sink.plugin.%63s %31s", name, value), 2, "%s", line.s);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s=%s ", name, value);
    }
    return text;
}

static void next_worker(void)
{
    sink_stats_end(&stats, "main", &board);
    cr_assert_eq(statboard_rows(&board), -1);
}

Test(sink_stats, counters_begin_with_nothing_and_go_on)
{
    cr_assert_str_eq(round_of(true), "");
    worker("sent", "open");
    statboard_add(&board, 0, 5);
    statboard_set(&board, 1, -2);
    cr_assert_str_eq(round_of(true), "sent=0 sent=5 open=-2 ");
    statboard_add(&board, 0, 5);
    cr_assert_str_eq(round_of(false), "sent=10 ", "a gauge is of a worker that is at work");
    statboard_add(&board, 0, 1); /* and dies */
    next_worker();
    cr_assert_str_eq(round_of(false), "sent=11 ");
    worker("sent", "open");
    statboard_add(&board, 0, 2);
    cr_assert_str_eq(round_of(true), "sent=13 open=0 ");
}

Test(sink_stats, rows_are_known_by_their_names)
{
    worker("sent", "open");
    statboard_add(&board, 0, 5);
    cr_assert_str_eq(round_of(true), "sent=0 sent=5 open=0 ");
    next_worker();
    worker("taken", "sent"); /* another type is another row */
    statboard_add(&board, 0, 1);
    cr_assert_str_eq(round_of(true), "taken=0 taken=1 sent=0 ");
    next_worker();
    statboard_show(&board, NULL, 0);
    cr_assert_str_eq(round_of(true), "", "this one has none");
    next_worker();
    worker("sent", "open");
    cr_assert_str_eq(round_of(true), "sent=5 open=0 ", "it has not been forgotten");
}

Test(sink_stats, what_a_plugin_scribbles_costs_its_own_numbers)
{
    worker("sent", "open");
    statboard_add(&board, 0, 5);
    cr_assert_str_eq(round_of(true), "sent=0 sent=5 open=0 ");
    statboard_set(&board, 0, -100);
    cr_assert_str_eq(round_of(true), "sent=5 open=0 ", "never back");
    worker("other", "names"); /* of this worker they are known already */
    cr_assert_str_eq(round_of(true), "sent=5 open=0 ");
    statboard_set(&board, 0, INT64_MAX);
    cr_assert_str_eq(round_of(true), "sent=9223372036854775807 open=0 ");
    next_worker();
    worker("sent", "open");
    statboard_add(&board, 0, 1);
    cr_assert_str_eq(round_of(true), "sent=9223372036854775807 open=0 ");
    next_worker();
    memset((void *)&board, 'A', sizeof board);
    cr_assert_str_eq(round_of(true), "", "no row of it may be");
    cr_assert_eq(stand_logged(&stand, "its plugin has written over its counters and gauges"), 1);
}

Test(sink_stats, names_have_an_end)
{
    char a[16], b[16];

    for (int i = 0; i < 100; i++) {
        (void)snprintf(a, sizeof a, "a%d", i);
        (void)snprintf(b, sizeof b, "b%d", i);
        worker(a, b);
        (void)round_of(true);
        next_worker();
    }
    cr_assert_eq(stats.n, SINK_STATS_MAX);
    cr_assert_eq(stand_logged(&stand, "more counters and gauges than 64"), 1);
    worker("a3", "b3");
    cr_assert_str_eq(round_of(true), "a3=0 b3=0 ", "those that are known stay so");
}
