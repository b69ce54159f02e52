/* tests/unit/cli/test_verdict.c - cli/verdict.h: what is a reason, how grave it is, and which comes first */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/verdict.h"

#define NOW "\"now\":100000"
#define SINK(more)                                                                                 \
    "{" NOW ",\"sinks\":[{\"name\":\"main\",\"state\":\"running\",\"lag\":70,\"queued\":5" more    \
    "}]}"
#define COLLECTOR(more)                                                                            \
    "{" NOW ",\"sinks\":[{\"name\":\"main\",\"state\":\"running\"}],"                              \
    "\"collectors\":[{\"name\":\"cpu\",\"mode\":\"oneshot\",\"interval\":10" more "}]}"

static struct arena arena;

static struct verdict judged(const char *text, const char *only, struct verdict_bounds bounds)
{
    json_t *status = json_loads(text, 0, NULL);
    struct verdict v;

    cr_assert_neq(status, NULL, "%s", text);
    cr_assert(verdict_of(&v, &arena, status, only, &bounds));
    json_decref(status);
    return v;
}

static void judges(const char *text, enum verdict_grade grade, const char *first)
{
    struct verdict v = judged(text, NULL, (struct verdict_bounds){-1, -1});

    cr_assert_eq(v.grade, grade, "%s: %s", text, verdict_name(v.grade));
    cr_assert_eq(v.n > 0, first != NULL, "%s: %s", text, v.n > 0 ? v.reasons[0].text : "");
    if (first != NULL)
        cr_assert_neq(strstr(v.reasons[0].text, first), NULL, "%s", v.reasons[0].text);
}

Test(verdict, healthy)
{
    judges(SINK(""), VERDICT_HEALTHY, NULL);
    judges(COLLECTOR(""), VERDICT_HEALTHY, NULL);
    judges(COLLECTOR(",\"running_since\":99985"), VERDICT_HEALTHY, NULL);
    judges(COLLECTOR(",\"last_run\":{\"failed\":true,\"ended\":99000,\"error\":\"exit status 1\"}"),
           VERDICT_HEALTHY, NULL);
    judges(SINK(",\"last_drop\":99000"), VERDICT_HEALTHY, NULL);
    judges(SINK(",\"nothing_confirmed_for\":299"), VERDICT_HEALTHY, NULL);
    judges(SINK(",\"nothing_confirmed_for\":1199,\"confirm_every\":600"), VERDICT_HEALTHY, NULL);
    /* What was said before the clock was set back. */
    judges(SINK(",\"last_drop\":200000"), VERDICT_HEALTHY, NULL);
    judges("{" NOW ",\"sinks\":[{\"name\":\"a\"}],\"spool\":{\"last_refused\":{\"at\":200000,"
           "\"text\":\"full\"}}}",
           VERDICT_HEALTHY, NULL);
}

Test(verdict, degraded)
{
    judges("{" NOW "}", VERDICT_DEGRADED, "there is no sink");
    judges(SINK(",\"last_drop\":99900"), VERDICT_DEGRADED, "dropped metrics 1m 40s ago");
    judges(SINK(",\"last_drop\":99900,\"dropped\":{\"expired\":7,\"skipped\":0,\"damaged\":2}"),
           VERDICT_DEGRADED, "dropped metrics 1m 40s ago; in all 7 expired, 2 damaged");
    judges("{" NOW ",\"sinks\":[{\"name\":\"m\",\"state\":\"stopped\",\"last_error\":{\"at\":99990,"
           "\"text\":\"by a signal\"}}]}",
           VERDICT_DEGRADED, "sink m is stopped: by a signal");
    judges("{" NOW ",\"sinks\":[{\"name\":\"m\",\"state\":\"stalled\",\"last_error\":{\"at\":92800,"
           "\"text\":\"refused\"}}]}",
           VERDICT_DEGRADED, "sink m is stalled; 2h 0m ago it said: refused");
    judges("{" NOW
           ",\"sinks\":[{\"name\":\"a\"}],\"spool\":{\"disk_full\":true,\"reserve\":1048576}}",
           VERDICT_DEGRADED, "spool: the disk is full: 1.0 MiB of its reserve are left");
    judges("{" NOW
           ",\"sinks\":[{\"name\":\"a\"}],\"collectors\":[{\"name\":\"hourly\",\"interval\":3600,"
           "\"last_run\":{\"failed\":true,\"ended\":96500,\"error\":\"exit status 1\"}}]}",
           VERDICT_DEGRADED, "its last run failed 58m 20s ago: exit status 1");
    judges("{" NOW ",\"sinks\":[{\"name\":\"m\",\"state\":\"down\",\"last_error\":{\"at\":99990,"
           "\"text\":\"refused\"}}]}",
           VERDICT_DEGRADED, "sink m is down: refused");
    judges(COLLECTOR(",\"running_since\":99970"), VERDICT_DEGRADED,
           "has been running for 30s, and its interval is 10s");
    judges(COLLECTOR(",\"last_run\":{\"failed\":true,\"ended\":99990,\"error\":\"exit status 1\"}"),
           VERDICT_DEGRADED, "its last run failed 10s ago: exit status 1");
    judges(COLLECTOR(",\"last_error\":{\"at\":99990,\"text\":\"line 1, byte 2: no\"}"),
           VERDICT_DEGRADED, "line 1, byte 2: no");
    judges(COLLECTOR(",\"brought_nothing\":1"), VERDICT_DEGRADED, "has sent no metric yet");
    judges(COLLECTOR(",\"state\":\"waiting\",\"waits_for\":{\"text\":\"no room\"}"),
           VERDICT_DEGRADED, "cannot be started: no room");
    judges("{" NOW
           ",\"sinks\":[{\"name\":\"m\"}],\"configuration\":{\"refused\":[{\"collector\":\"c\","
           "\"errors\":\"c.yaml:1:1: no\",\"old_runs\":true}]}}",
           VERDICT_DEGRADED, "collector c is refused (as it was before, it runs): c.yaml:1:1: no");
}

Test(verdict, failing_comes_first)
{
    struct verdict v =
        judged("{" NOW
               ",\"spool\":{\"sync_fails\":true,\"last_refused\":{\"at\":99999,\"text\":\"full\"}},"
               "\"sinks\":[{\"name\":\"a\",\"state\":\"down\"},"
               "{\"name\":\"b\",\"state\":\"down\",\"nothing_confirmed_for\":301}]}",
               NULL, (struct verdict_bounds){-1, -1});

    cr_assert_eq(v.grade, VERDICT_FAILING);
    cr_assert_eq(v.n, 4);
    cr_assert_str_eq(v.reasons[0].text, "spool: full");
    cr_assert_str_eq(v.reasons[1].text, "sink b: nothing has been confirmed for 5m 1s");
    cr_assert_eq(v.reasons[2].grade, VERDICT_DEGRADED);
}

Test(verdict, bounds)
{
    struct verdict v = judged(SINK(""), NULL, (struct verdict_bounds){60000000000, -1});

    cr_assert_eq(v.grade, VERDICT_DEGRADED);
    cr_assert_str_eq(v.reasons[0].text, "sink main: its lag is 1m 10s");
    v = judged(SINK(""), NULL, (struct verdict_bounds){71000000000, 5});
    cr_assert_eq(v.grade, VERDICT_HEALTHY);
    v = judged(SINK(""), NULL, (struct verdict_bounds){-1, 4});
    cr_assert_eq(v.grade, VERDICT_DEGRADED);
}

Test(verdict, of_one)
{
    const char *both = "{" NOW ",\"sinks\":[{\"name\":\"a\",\"state\":\"down\"}],"
                       "\"collectors\":[{\"name\":\"b\",\"brought_nothing\":1}]}";

    cr_assert_eq(judged(both, "a", (struct verdict_bounds){-1, -1}).n, 1);
    cr_assert_eq(judged(both, "b", (struct verdict_bounds){-1, -1}).n, 1);
    cr_assert_eq(judged(both, "c", (struct verdict_bounds){-1, -1}).grade, VERDICT_HEALTHY);
}

/* Of what is refused there is nothing else to be said. */
Test(verdict, of_one_that_is_refused)
{
    const char *text =
        "{" NOW ",\"sinks\":[{\"name\":\"m\"}],\"configuration\":{\"refused\":["
        "{\"collector\":\"c\",\"errors\":\"no\"},{\"sink\":\"s\",\"errors\":\"no\"}]}}";
    struct verdict v = judged(text, "c", (struct verdict_bounds){-1, -1});

    cr_assert_eq(v.n, 1);
    cr_assert_str_eq(v.reasons[0].text, "collector c is refused: no");
    cr_assert_eq(judged(text, "s", (struct verdict_bounds){-1, -1}).grade, VERDICT_DEGRADED);
    cr_assert_eq(judged(text, "m", (struct verdict_bounds){-1, -1}).grade, VERDICT_HEALTHY);
}

/* Whatever a collector said, a reason can be printed as JSON. */
Test(verdict, is_cut_between_characters)
{
    char said[4096] = "", text[8192];
    struct verdict v;
    json_t *shown;

    for (size_t i = 0; i < 2000; i += 2)
        (void)strcat(said, "\u00e4");
    for (unsigned ahead = 0; ahead < 2; ahead++) {
        (void)snprintf(text, sizeof text,
                       COLLECTOR(",\"last_error\":{\"at\":99990,\"text\":\"%s%s\"}"),
                       ahead > 0 ? "x" : "", said);
        v = judged(text, NULL, (struct verdict_bounds){-1, -1});
        cr_assert_eq(v.n, 1);
        shown = json_string(v.reasons[0].text);
        cr_assert_neq(shown, NULL);
        json_decref(shown);
    }
}
