/* plugin/batch.c: a batch holds whole metrics and nothing else, whatever a plugin does. */
#include <math.h>

#include "base/log.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

static struct kit k;
static struct plugin p;
static struct batch b;

static void setup(void)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, TEST_PLUGIN("format"), "{name: main, plugin: x, to: stdout}");
    cr_assert(batch_init(&b, &p, 64));
    batch_begin(&b);
}

static void teardown(void)
{
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

TestSuite(batch, .init = setup, .fini = teardown);

static enum batch_result add(const char *name, uint64_t seq)
{
    struct metric m = kit_metric(name, 7);

    return batch_add(&b, &m, seq, 1000 + (int64_t)seq);
}

static void holds(const char *want)
{
    cr_assert_eq(b.bytes.n, strlen(want), "%.*s", (int)b.bytes.n, b.bytes.p);
    cr_assert_eq(memcmp(b.bytes.p, want, b.bytes.n), 0, "%.*s", (int)b.bytes.n, b.bytes.p);
}

Test(batch, header_metrics_trailer)
{
    cr_assert_eq(add("a", 100), BATCH_ADDED);
    cr_assert_eq(add("b", 101), BATCH_ADDED);
    cr_assert(batch_end(&b));
    holds("<99>a=7\nb=7\n</>");
    cr_assert_eq(b.nmetrics, 2);
    batch_begin(&b);
    cr_assert_eq(add("c", 102), BATCH_ADDED);
    cr_assert(batch_end(&b));
    holds("<99>c=7\n</>");
}

Test(batch, what_is_not_ok_leaves_no_byte)
{
    cr_assert_eq(add("a", 100), BATCH_ADDED);
    cr_assert_eq(add("skip", 101), BATCH_ADDED);
    cr_assert_eq(add("twolines", 102), BATCH_ADDED); /* it promised one */
    cr_assert_eq(add("open", 103), BATCH_ADDED);     /* no newline at its end */
    cr_assert_eq(add("b", 104), BATCH_ADDED);
    holds("<00>a=7\nb=7\n");
    cr_assert_eq(b.nmetrics, 2);
    cr_assert_eq(b.skipped, 1);
    cr_assert_eq(b.rejected, 2);
}

Test(batch, nothing_to_send_has_no_header)
{
    cr_assert_eq(add("skip", 100), BATCH_ADDED);
    cr_assert(batch_end(&b));
    holds("");
}

Test(batch, full_and_then_again)
{
    for (uint64_t i = 0; i < 15; i++) /* 4 + 15 * 4 = 64 bytes: exactly the limit */
        cr_assert_eq(add("m", 100 + i), BATCH_ADDED);
    cr_assert_eq(add("n", 115), BATCH_FULL);
    cr_assert_eq(b.nmetrics, 15);
    cr_assert(batch_end(&b)); /* the trailer comes on top */
    cr_assert_eq(b.bytes.n, 67);
    batch_begin(&b);
    cr_assert_eq(add("n", 115), BATCH_ADDED);
    holds("<00>n=7\n");
}

Test(batch, alone_too_long_is_rejected)
{
    cr_assert_eq(add("a", 100), BATCH_ADDED);
    cr_assert_eq(add("long", 101), BATCH_FULL);
    holds("<00>a=7\n");
    batch_begin(&b);
    cr_assert_eq(add("long", 101), BATCH_ADDED);
    cr_assert_eq(b.rejected, 1);
    cr_assert_not_null(strstr(plugin_why(&p), "longer than 64 bytes"));
    cr_assert_eq(add("b", 102), BATCH_ADDED);
    holds("<00>b=7\n");
}

static void fatal_for(const char *name, const char *why)
{
    cr_assert_eq(add(name, 100), BATCH_FATAL);
    cr_assert_not_null(strstr(plugin_why(&p), why), "%s", plugin_why(&p));
    cr_assert_eq(b.nmetrics, 0);
}

static void rejected_for(const char *name, const char *why)
{
    uint64_t before = b.rejected;

    cr_assert_eq(add(name, 100), BATCH_ADDED);
    cr_assert_not_null(strstr(plugin_why(&p), why), "%s", plugin_why(&p));
    cr_assert_eq(b.rejected, before + 1);
    cr_assert_eq(b.nmetrics, 0);
}

/* What it does about one metric costs that metric; its own FATAL is about itself. */
Test(batch, broken_rules_cost_the_metric)
{
    fatal_for("fatal", "enough");
    rejected_for("answer", "format() answered 77; it may answer OK, SKIP, FATAL");
    rejected_for("retry", "format() answered RETRY (2); it may answer OK, SKIP, FATAL");
    rejected_for("reject", "format() answered REJECT (3); it may");
    rejected_for("patch", "patches bytes that it has not appended");
    rejected_for("bad", "calls bad() in format(), where it may not");
    cr_assert_eq(add("a", 100), BATCH_ADDED); /* and does not stick */
    holds("<00>a=7\n");
}

Test(batch, kinds_of_numbers)
{
    struct metric m = kit_metric("v", 0);

    m.value.i = INT64_MIN;
    cr_assert_eq(batch_add(&b, &m, 100, 1), BATCH_ADDED);
    m.vtype = METRIC_F64;
    m.value.f = 0.1;
    cr_assert_eq(batch_add(&b, &m, 101, 1), BATCH_ADDED);
    holds("<00>v=-9223372036854775808\nv=0.1\n");
    m.vtype = METRIC_U64;
    m.value.u = UINT64_MAX; /* the plugin's mask lacks it */
    cr_assert_eq(batch_add(&b, &m, 102, 1), BATCH_ADDED);
    cr_assert_eq(b.skipped, 1);
}

/* As a plugin of 1.0 in a host that has more types than it. */
Test(batch, what_it_cannot_know_is_skipped)
{
    struct metric m = kit_metric("v", 1);

    p.takes = (struct known){GARNET_I64, 1 << GARNET_GAUGE};
    p.takes_all = false;
    m.type = METRIC_COUNTER;
    cr_assert_eq(batch_add(&b, &m, 100, 1), BATCH_ADDED);
    cr_assert_eq(b.skipped, 1);
    cr_assert_not_null(
        strstr(plugin_why(&p), "plugin format is of ABI 1.0, which has no such type of metric"));
    m.type = 255;
    cr_assert_eq(batch_add(&b, &m, 101, 1), BATCH_ADDED);
    cr_assert_eq(b.skipped, 2);
    m.type = METRIC_GAUGE;
    cr_assert_eq(batch_add(&b, &m, 102, 1), BATCH_ADDED);
    holds("<00>v=1\n");
}

Test(batch, full_by_its_number_of_metrics)
{
    p.batch_metrics = 2;
    cr_assert_eq(add("a", 100), BATCH_ADDED);
    cr_assert_eq(add("skip", 101), BATCH_ADDED); /* is in none */
    cr_assert_eq(add("b", 102), BATCH_ADDED);
    cr_assert_eq(add("c", 103), BATCH_FULL);
    cr_assert_eq(b.nmetrics, 2);
    cr_assert(batch_end(&b));
    batch_begin(&b);
    cr_assert_eq(add("c", 103), BATCH_ADDED);
    holds("<00>c=7\n");
}

/* Calls that come from outside a batch append nowhere, and are told at the next answer. */
Test(batch, appending_outside_is_fatal)
{
    p.host.g.host->put(&p.host.g, "x", 1);
    p.host.g.host->putf(&p.host.g, "%d", 1);
    cr_assert_eq(p.host.g.host->tell(&p.host.g), 0);
    fatal_for("a", "calls put() in no callback, where it may not");
}
