/* A metric on one line: golden, and whatever strangers have put into it. */
#include <criterion/criterion.h>
#include <string.h>

#include "cli/show_metric.h"

static const int64_t AT = INT64_C(1764451589) * 1000000000; /* 2025-11-29T21:26:29Z */

static struct metric metric;

static void begin(void)
{
    metric = (struct metric){.type = METRIC_GAUGE,
                             .vtype = METRIC_I64,
                             .time_ns = AT,
                             .value.i = 5,
                             .name = str_of("load")};
}

TestSuite(show_metric, .init = begin);

static void becomes(const char *want)
{
    struct buf line = {0};

    show_metric_put(&line, &metric);
    buf_putc(&line, 0);
    cr_assert(buf_ok(&line));
    cr_assert_str_eq(line.p, want);
    buf_free(&line);
}

static void tag(const char *key, const char *val)
{
    cr_assert(metric_tag(metric.tags, &metric.ntags, str_of(key), str_of(val), true));
}

Test(show_metric, what_it_does_not_have_is_left_out)
{
    becomes("2025-11-29T21:26:29Z load 5\n");
}

Test(show_metric, all_that_it_has)
{
    metric.name = str_of("cpu.time");
    tag("host", "web1");
    tag("cpu", "0");
    metric.vtype = METRIC_F64;
    metric.value.f = 1234.5;
    metric.unit = str_of("s");
    metric.type = METRIC_COUNTER;
    metric.collector = str_of("cpu");
    metric.prefix = str_of("team.a");
    becomes("2025-11-29T21:26:29Z cpu.time{cpu=0,host=web1} 1234.5 s counter [cpu, prefix "
            "team.a]\n");
}

Test(show_metric, large_numbers_are_exact)
{
    metric.vtype = METRIC_U64;
    metric.value.u = UINT64_MAX;
    becomes("2025-11-29T21:26:29Z load 18446744073709551615\n");
}

Test(show_metric, a_second_s_fraction_as_far_as_it_goes)
{
    metric.time_ns = AT + 250000000;
    becomes("2025-11-29T21:26:29.250Z load 5\n");
    metric.time_ns = AT + 1000;
    becomes("2025-11-29T21:26:29.000001Z load 5\n");
    metric.time_ns = AT + 1;
    becomes("2025-11-29T21:26:29.000000001Z load 5\n");
}

Test(show_metric, nothing_in_it_can_pass_for_another_part_of_the_line)
{
    metric.name = str_of("a b");
    tag("k", "x} 9 \"y\"\\");
    tag("l", "\xe2\x80\xae");
    tag("m", "\xe2\x80\xae ");
    becomes("2025-11-29T21:26:29Z \"a b\"{k=\"x} 9 \\\"y\\\"\\\\\",l=\\xe2\\x80\\xae,"
            "m=\"\\xe2\\x80\\xae \"} 5\n");
}

Test(show_metric, as_json)
{
    struct buf line = {0};

    tag("cpu", "0");
    metric.collector = str_of("cpu");
    show_record_put_json(&line, 7, &metric);
    show_metric_put_json(&line, &metric);
    buf_putc(&line, 0);
    cr_assert(buf_ok(&line));
    cr_assert_str_eq(line.p,
                     "{\"seq\":7,\"name\":\"load\",\"value\":5,\"time\":1764451589.000000000,"
                     "\"type\":\"gauge\",\"tags\":{\"cpu\":\"0\"},\"collector\":\"cpu\"}\n"
                     "{\"name\":\"load\",\"value\":5,\"time\":1764451589.000000000,"
                     "\"type\":\"gauge\",\"tags\":{\"cpu\":\"0\"},\"collector\":\"cpu\"}\n");
    buf_free(&line);
}
