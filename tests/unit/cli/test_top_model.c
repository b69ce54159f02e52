/* tests/unit/cli/test_top_model.c - cli/top_model.h: rates, histories, holes in them, order and choice */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "cli/top_model.h"

static void takes(struct top_model *m, const char *text)
{
    json_t *status = json_loads(text, 0, NULL);

    cr_assert_neq(status, NULL, "%s", text);
    cr_assert(top_model_take(m, status));
    json_decref(status);
}

/* One collector and one sink, at so many seconds. */
static void takes_at(struct top_model *m, int started, double now, long accepted, long confirmed)
{
    json_t *status = json_pack("{s:i,s:i,s:f,s:[{s:s,s:s,s:I,s:{s:i,s:i}}],s:[{s:s,s:s,s:I,s:f}]}",
                               "pid", 7, "started", started, "now", now, "collectors", "name",
                               "cpu", "state", "idle", "accepted", (json_int_t)accepted, "failures",
                               "exit", 2, "timeout", 1, "sinks", "name", "main", "state", "running",
                               "confirmed", (json_int_t)confirmed, "lag", now - 1000);

    cr_assert_neq(status, NULL);
    cr_assert(top_model_take(m, status));
    json_decref(status);
}

static const struct top_row *only(const struct top_model *m, enum top_kind kind)
{
    cr_assert_eq(m->lists[kind].n, 1);
    return m->lists[kind].rows[0];
}

static void is_about(double is, double wanted)
{
    cr_assert_float_eq(is, wanted, 0.01, "%g and not %g", is, wanted);
}

Test(top_model, rates)
{
    struct top_model m = {0};

    takes_at(&m, 1, 1000, 50, 10);
    cr_assert_lt(only(&m, TOP_COLLECTOR)->rate, 0, "of one answer none is known");
    takes_at(&m, 1, 1002, 70, 10);
    is_about(only(&m, TOP_COLLECTOR)->rate, 10);
    is_about(only(&m, TOP_SINK)->rate, 0);
    is_about(only(&m, TOP_COLLECTOR)->trouble, 3);
    is_about(only(&m, TOP_SINK)->trouble, 2);
    takes_at(&m, 1, 1004, 70, 50);
    is_about(only(&m, TOP_COLLECTOR)->rate, 5);
    is_about(only(&m, TOP_SINK)->rate, 10);
    top_model_free(&m);
}

Test(top_model, a_rate_is_of_late)
{
    struct top_model m = {0};

    takes_at(&m, 1, 1000, 0, 0);
    takes_at(&m, 1, 1001, 1000, 0);
    for (int i = 2; i < 30; i++)
        takes_at(&m, 1, 1000 + i, 1000 + i, 0);
    is_about(only(&m, TOP_COLLECTOR)->rate, 1);
    top_model_free(&m);
}

Test(top_model, nothing_is_negative)
{
    struct top_model m = {0};

    takes_at(&m, 1, 1000, 500, 500);
    takes_at(&m, 1, 1001, 510, 510);
    takes_at(&m, 1, 1002, 3, 510);
    is_about(only(&m, TOP_COLLECTOR)->rate, -1); /* its counter went back */
    is_about(only(&m, TOP_SINK)->rate, 5);
    takes_at(&m, 2, 1003, 9, 900);
    is_about(only(&m, TOP_SINK)->rate, -1); /* it is another garnetd */
    takes_at(&m, 2, 1002, 19, 901);
    is_about(only(&m, TOP_SINK)->rate, -1); /* its clock went back */
    takes_at(&m, 2, 1003, 29, 902);
    is_about(only(&m, TOP_SINK)->rate, 1);
    is_about(only(&m, TOP_COLLECTOR)->rate, 10);
    top_model_free(&m);
}

Test(top_model, the_same_answer_again)
{
    struct top_model m = {0};

    takes_at(&m, 1, 1000, 0, 0);
    takes_at(&m, 1, 1001, 5, 0);
    takes_at(&m, 1, 1001, 5, 0);
    cr_assert_eq(only(&m, TOP_COLLECTOR)->answers, 2);
    is_about(only(&m, TOP_COLLECTOR)->rate, 5);
    top_model_free(&m);
}

Test(top_model, past)
{
    struct top_model m = {0};
    const struct top_row *r;
    double cells[TOP_PAST];

    takes_at(&m, 1, 1000, 0, 0);
    takes_at(&m, 1, 1001, 4, 0);
    cr_assert(top_model_silent(&m, "gone"));
    takes_at(&m, 1, 1003, 10, 0);
    r = only(&m, TOP_COLLECTOR);
    is_about(top_row_past(r, TOP_RATES, cells, TOP_PAST), 4);
    is_about(cells[TOP_PAST - 1], -1); /* the next one's place */
    is_about(cells[TOP_PAST - 2], 3);
    cr_assert_lt(cells[TOP_PAST - 3], 0);
    is_about(cells[TOP_PAST - 4], 4);
    cr_assert_lt(cells[TOP_PAST - 5], 0);
    is_about(top_row_past(only(&m, TOP_SINK), TOP_LAGS, cells, 1), 3);
    is_about(top_row_past(r, TOP_RATES, cells, 0), 0);
    for (int i = 4; i < 1000; i++)
        takes_at(&m, 1, 1000 + i, 10 + 7L * i, 0);
    is_about(top_row_past(r, TOP_RATES, cells, 10), 7);
    for (int i = 1; i < 9; i++)
        is_about(cells[i], 7);
    top_model_free(&m);
}

Test(top_model, silence)
{
    struct top_model m = {0};

    cr_assert(top_model_silent(&m, "nobody"));
    takes_at(&m, 1, 1000, 0, 0);
    cr_assert_null(m.silence);
    cr_assert(top_model_silent(&m, "nobody"));
    cr_assert_str_eq(m.silence, "nobody");
    cr_assert_eq(m.lists[TOP_SINK].n, 1, "the last table stays");
    takes_at(&m, 1, 1000, 0, 0);
    cr_assert_null(m.silence, "also when the same answer comes");
    top_model_free(&m);
}

#define THREE                                                                                      \
    "{\"pid\":1,\"now\":%d,\"collectors\":[{\"name\":\"b\",\"state\":\"idle\",\"accepted\":%d},"   \
    "{\"name\":\"c\",\"state\":\"waiting\",\"accepted\":5,\"failures\":{\"exit\":9}},"             \
    "{\"name\":\"Ab\",\"state\":\"running\"}],\"sinks\":[{\"name\":\"b\",\"state\":\"down\"}]}"

static void in_order(const struct top_model *m, const char *wanted)
{
    char is[64] = "";

    for (size_t i = 0; i < m->lists[TOP_COLLECTOR].n; i++) {
        strcat(is, m->lists[TOP_COLLECTOR].rows[i]->name);
        strcat(is, " ");
    }
    cr_assert_str_eq(is, wanted);
}

Test(top_model, order_and_filter)
{
    struct top_model m = {0};
    char text[512];

    for (int i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof text, THREE, 1000 + i, 10 * i);
        takes(&m, text);
    }
    in_order(&m, "Ab b c ");
    m.order = TOP_BY_STATE;
    top_model_list(&m);
    in_order(&m, "c Ab b ");
    m.order = TOP_BY_RATE;
    top_model_list(&m);
    in_order(&m, "b Ab c ");
    m.order = TOP_BY_TROUBLE;
    top_model_list(&m);
    in_order(&m, "c Ab b ");
    strcpy(m.filter, "B");
    top_model_list(&m);
    in_order(&m, "Ab b ");
    cr_assert_eq(m.lists[TOP_SINK].n, 1);
    top_model_free(&m);
}

Test(top_model, rows_come_and_go)
{
    struct top_model m = {0};
    char text[128];

    for (int i = 1001; i < 1003; i++) {
        (void)snprintf(text, sizeof text,
                       "{\"now\":%d,\"sinks\":[{\"name\":\"s\"},{\"name\":\"s\"}]}", i);
        takes(&m, text);
        cr_assert_eq(m.lists[TOP_SINK].n, 2, "one is being replaced");
        cr_assert_neq(m.lists[TOP_SINK].rows[0], m.lists[TOP_SINK].rows[1]);
    }
    takes(
        &m,
        "{\"now\":1003,\"configuration\":{\"refused\":[{\"collector\":\"new\",\"errors\":\"x\"}]},"
        "\"collectors\":[],\"sinks\":[{\"name\":\"s\",\"confirmed\":11}]}");
    in_order(&m, "new ");
    cr_assert_eq(m.lists[TOP_SINK].n, 1);
    cr_assert_eq(m.verdict.grade, VERDICT_DEGRADED);
    takes(&m, "{\"now\":1004}");
    cr_assert_eq(m.n, 0);
    takes(&m, "{\"now\":1005,\"sinks\":7,\"collectors\":[3,{}]}");
    cr_assert_eq(m.n, 2, "whatever it answers");
    top_model_free(&m);
}
