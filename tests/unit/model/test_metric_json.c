/* tests/unit/model/test_metric_json.c - a metric as JSON: what is there and what is left out, and numbers as they are */
#include <criterion/criterion.h>

#include "model/metric.h"

static void expect_json(const struct metric *m, const char *want)
{
    struct buf b = {0};

    metric_put_json(&b, m, METRIC_TIME_US);
    buf_putc(&b, 0);
    cr_assert_str_eq(b.p, want);
    buf_free(&b);
}

Test(metric_json, what_there_is_and_nothing_else)
{
    static struct metric m = {.type = METRIC_GAUGE,
                              .vtype = METRIC_I64,
                              .value.i = -7,
                              .time_ns = 1700000000250000999,
                              .name = {"a\"b", 3}};

    expect_json(&m,
                "\"name\":\"a\\\"b\",\"value\":-7,\"time\":1700000000.250000,\"type\":\"gauge\"");
}

Test(metric_json, everything_that_a_sender_may_say)
{
    static struct metric m = {.type = METRIC_COUNTER,
                              .vtype = METRIC_U64,
                              .value.u = UINT64_MAX,
                              .time_ns = 1000,
                              .name = {"a", 1},
                              .unit = {"B", 1},
                              .collector = {"not said", 8},
                              .prefix = {"not said", 8},
                              .tags = {{{"k", 1}, {"v\n", 2}}, {{"l", 1}, {"w", 1}}},
                              .ntags = 2,
                              .meta = {{{"m", 1}, {"x", 1}}},
                              .nmeta = 1};

    expect_json(
        &m, "\"name\":\"a\",\"value\":18446744073709551615,\"time\":0.000001,\"type\":\"counter\","
            "\"unit\":\"B\",\"tags\":{\"k\":\"v\\n\",\"l\":\"w\"},\"meta\":{\"m\":\"x\"}");
}

Test(metric_json, a_real_reads_back_the_same)
{
    static struct metric m = {
        .type = METRIC_RATE, .vtype = METRIC_F64, .value.f = 0.1, .name = {"a", 1}};

    expect_json(&m, "\"name\":\"a\",\"value\":0.1,\"time\":0.000000,\"type\":\"rate\"");
}

Test(metric_json, as_much_of_the_time_as_is_wanted)
{
    struct buf b = {0};

    metric_put_time(&b, 1700000000000000999, METRIC_TIME_US);
    buf_putc(&b, ' ');
    metric_put_time(&b, 1700000000000000999, METRIC_TIME_NS);
    buf_putc(&b, 0);
    cr_assert_str_eq(b.p, "1700000000.000000 1700000000.000000999");
    buf_free(&b);
}
