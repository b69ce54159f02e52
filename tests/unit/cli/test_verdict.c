/* tests/unit/cli/test_verdict.c - cli/verdict.h: what is a reason, how grave it is, and which comes first */
#include <criterion/criterion.h>
#include <stdbool.h>

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
}

Test(verdict, degraded)
{
    judges("{" NOW "}", VERDICT_DEGRADED, "there is no sink");
    judges(SINK(",\"last_drop\":99900"), VERDICT_DEGRADED, "dropped metrics 1m 40s ago");
    judges(
        "{" NOW
        ",\"sinks\":[{\"name\":\"m\",\"state\":\"down\",\"last_error\":{\"text\":\"refused\"}}]}",
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
