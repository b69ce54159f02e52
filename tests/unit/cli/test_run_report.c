/* What became of a run: the words, the numbers, and whether it counts as a success. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "cli/run_choose.h"
#include "cli/run_report.h"

static struct conf_collector collector;
static struct run_result result;

static void begin(void)
{
    collector = (struct conf_collector){.name = "probe", .timeout = NS_PER_S};
    result = (struct run_result){
        .receipt = {.pid = 17,
                    .outcome = OUTCOME_OK,
                    .report = {.end = KEEPER_EXITED,
                               .duration_ns = 12345678,
                               .user_ns = 3000000,
                               .system_ns = 2000000,
                               .max_rss = 5 << 19}},
        .accepted = 3,
    };
}

TestSuite(run_report, .init = begin);

static const char *text(bool json)
{
    static char out[2048];
    struct buf b = {0};

    (json ? run_report_put_json : run_report_put)(&b, &result, &collector, "somebody");
    cr_assert(buf_ok(&b) && b.n < sizeof out);
    memcpy(out, b.p, b.n);
    out[b.n] = 0;
    buf_free(&b);
    return out;
}

static void ends(enum outcome outcome, int status)
{
    result.receipt.outcome = outcome;
    result.receipt.report.status = status;
}

static void verdict_is(const char *want)
{
    const char *first = text(false);
    size_t n = strcspn(first, "\n");

    cr_assert(n == strlen(want) && strncmp(first, want, n) == 0, "%s", first);
}

Test(run_report, all_of_a_good_one)
{
    cr_assert(run_succeeded(&result, &collector));
    cr_assert_str_eq(
        text(false),
        "collector probe: ok: exit status 0\n"
        "  metrics  3 accepted, 0 rejected\n"
        "  took     0.012 s; CPU 0.005 s (user 0.003 s, system 0.002 s); memory 2.5 MiB\n"
        "  user     somebody\n");
    cr_assert_str_eq(text(true),
                     "{\"run\":{\"collector\":\"probe\",\"success\":true,\"outcome\":\"ok\","
                     "\"verdict\":\"ok: exit status 0\",\"user\":\"somebody\",\"accepted\":3,"
                     "\"rejected\":0,\"exit_status\":0,\"duration\":0.012346,\"cpu_user\":0.003000,"
                     "\"cpu_system\":0.002000,\"max_rss\":2621440,\"left_behind\":0}}\n");
}

Test(run_report, what_is_rejected_is_no_success)
{
    result.rejected = 2;
    cr_assert_not(run_succeeded(&result, &collector));
    cr_assert(strstr(text(false), "3 accepted, 2 rejected: the reasons are above\n") != NULL);
}

Test(run_report, what_it_leaves_behind)
{
    result.receipt.report.left_behind = 1;
    cr_assert(strstr(text(false), "  left     1 process behind, killed") != NULL);
    result.receipt.report.left_behind = 2;
    cr_assert(strstr(text(false), "  left     2 processes behind, killed") != NULL);
}

Test(run_report, a_failure_has_its_reason)
{
    ends(OUTCOME_EXIT, 3 << 8);
    cr_assert_not(run_succeeded(&result, &collector));
    verdict_is("collector probe: failed: exit status 3");
    ends(OUTCOME_SIGNAL, SIGSEGV);
    verdict_is("collector probe: failed: killed by signal 11 (Segmentation fault)");
    cr_assert(strstr(text(true), ",\"signal\":11,") != NULL);
    ends(OUTCOME_TIMEOUT, SIGTERM);
    verdict_is("collector probe: failed: ended after its timeout of 1s");
}

Test(run_report, what_never_ran_has_no_numbers)
{
    ends(OUTCOME_SPAWN, 0);
    result.receipt.pid = 0;
    cr_assert_not(run_succeeded(&result, &collector));
    cr_assert_null(strstr(text(false), "took"));
    cr_assert_null(strstr(text(true), "duration"));
}

Test(run_report, one_that_is_ended_has_succeeded_if_it_is_a_daemon)
{
    ends(OUTCOME_STOPPED, SIGTERM);
    result.stop = RUN_STOP_SIGNAL;
    cr_assert_not(run_succeeded(&result, &collector));
    verdict_is("collector probe: ended because you asked: killed by signal 15 (Terminated)");
    collector.mode = MODE_DAEMON;
    cr_assert(run_succeeded(&result, &collector));
    result.stop = RUN_STOP_TIME;
    cr_assert(run_succeeded(&result, &collector));
    result.stop = RUN_STOP_OUTPUT;
    cr_assert_not(run_succeeded(&result, &collector));
}

Test(run_report, a_daemon_that_ends_by_itself)
{
    collector.mode = MODE_DAEMON;
    verdict_is("collector probe: ok: exit status 0; it is a daemon: garnetd would start it again");
}

Test(run_report, killed_at_the_second_word)
{
    ends(OUTCOME_LOST, 0);
    result.stop = RUN_STOP_KILL;
    cr_assert_not(run_succeeded(&result, &collector));
    verdict_is("collector probe: killed because you asked twice");
}

Test(run_report, a_line_of_the_log)
{
    static const struct {
        const char *line, *want;
    } cases[] = {
        {"warn: collector x: a \"b\": c",
         "{\"log\":\"warn\",\"text\":\"collector x: a \\\"b\\\": c\"}\n"},
        {"odd", "{\"log\":\"\",\"text\":\"odd\"}\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};

        run_report_put_log_json(&b, str_of(cases[i].line));
        buf_putc(&b, 0);
        cr_assert_str_eq(b.p, cases[i].want);
        buf_free(&b);
    }
}

Test(run_report, what_is_a_file)
{
    cr_assert(run_is_file("./x") && run_is_file("a/b") && run_is_file("x.yaml"));
    cr_assert_not(run_is_file("x") || run_is_file("x.yml") || run_is_file("x-y_z"));
}
