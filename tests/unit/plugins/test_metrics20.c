/* plugins/metrics20: what no golden case (test_golden.c) can say. */
#include <criterion/criterion.h>
/* after it, not before */
#include <criterion/redirect.h>

#include "base/log.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

#define METRICS20 TEST_BUILD "/plugins/metrics20.so"

static void same(const char *name, const char *got, size_t n, const char *want)
{
    cr_assert(n == strlen(want) && memcmp(got, want, n) == 0, "%s: got:\n%.*swant:\n%s", name,
              (int)n, got, want);
}

struct one {
    struct kit k;
    struct plugin p;
    struct batch b;
};

static void one_open(struct one *o, const char *options)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&o->k);
    kit_plugin(&o->k, &o->p, METRICS20, options);
    cr_assert(batch_init(&o->b, &o->p, 1 << 20));
    batch_begin(&o->b);
}

static void one_close(struct one *o)
{
    batch_free(&o->b);
    plugin_unload(&o->p);
    kit_close(&o->k);
}

static void gives(struct one *o, const struct metric *m, const char *want)
{
    batch_begin(&o->b);
    cr_assert_eq(batch_add(&o->b, m, 0, 1), BATCH_ADDED);
    cr_assert_eq(o->b.rejected, 0);
    same("metric", o->b.bytes.p != NULL ? o->b.bytes.p : "", o->b.bytes.n, want);
}

/* The reason is what the log says. */
static void skips(struct one *o, const struct metric *m, const char *why)
{
    gives(o, m, "");
    cr_assert_eq(o->b.skipped, 1);
    cr_assert_str_eq(plugin_why(&o->p), why);
}

Test(metrics20, a_collectors_prefix_is_part_of_the_name)
{
    struct one o;
    struct metric m = kit_metric("cpu.user", 1);

    m.prefix = str_of("lab\xC2\xA0"
                      "1"); /* its cleaned form is shorter */
    one_open(&o, "{to: stdout}");
    gives(&o, &m, "mtype=gauge unit=unknown what=lab_1.cpu.user  agent=garnet 1 1700000000\n");
    one_close(&o);
    one_open(&o, "{to: stdout, style: key}");
    gives(&o, &m, "mtype=gauge.unit=unknown.what=lab_1_cpu_user 1 1700000000\n");
    m.prefix = str_of("a_is");
    gives(&o, &m, "mtype=gauge.unit=unknown.what=a_is-cpu_user 1 1700000000\n");
    one_close(&o);
}

Test(metrics20, times_that_readers_cannot_store)
{
    static const char why[] = "its time is outside what its readers can store";
    static const int64_t never[] = {INT64_MIN, -1, 0, 999999999};
    struct one o;
    struct metric m = kit_metric("m", 1);

    one_open(&o, "{to: stdout, style: key}");
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        m.time_ns = never[i];
        skips(&o, &m, why);
    }
    m.time_ns = INT64_C(4294967296000000000);
    skips(&o, &m, why);
    m.time_ns--;
    gives(&o, &m, "mtype=gauge.unit=unknown.what=m 1 4294967295\n");
    one_close(&o);
    one_open(&o, "{to: stdout}");
    m.time_ns = 999999999;
    skips(&o, &m, why);
    m.time_ns = INT64_MAX;
    gives(&o, &m, "mtype=gauge unit=unknown what=m  agent=garnet 1 9223372036\n");
    one_close(&o);
}

/* What a skipped metric is told to be. */
Test(metrics20, reasons)
{
    struct one o;
    struct metric m = kit_metric("m", 1);

    one_open(&o, "{to: stdout, missing_unit: drop, unlisted_unit: missing}");
    skips(&o, &m, "it has no unit");
    m.unit = str_of("furlong");
    skips(&o, &m, "its unit is not among those of Metrics 2.0");
    m.unit = str_of("B");
    m.ntags = 2;
    m.tags[0] = (struct tag){{"a b", 3}, {"1", 1}};
    m.tags[1] = (struct tag){{"a_b", 3}, {"2", 1}};
    skips(&o, &m, "two of its tags would have the key a_b");
    m.tags[0] = (struct tag){{"mtype", 5}, {"rate", 4}};
    skips(&o, &m, "its tag mtype contradicts its type, which is gauge");
    m.tags[0] = (struct tag){{"unit", 4}, {"kB", 2}};
    skips(&o, &m, "it has a unit, and a tag unit with another one: kB");
    one_close(&o);
    one_open(&o, "{to: stdout, style: key}");
    m = kit_metric("m", 1);
    m.unit = str_of("ps");
    skips(&o, &m, "its unit, the picosecond, would be read as \"/s\"");
    m.unit = str_of("B/ps");
    skips(&o, &m, "its unit, the picosecond, would be read as \"/s\"");
    one_close(&o);
}

/* Longer than any reader's line: nothing of it is written, and the next metric is. */
Test(metrics20, too_many_bytes)
{
    static char key[METRIC_MAX_TAGS][8], val[4096];
    struct one o;
    struct metric m = kit_metric("m", 1);

    memset(val, 'v', sizeof val);
    for (uint32_t i = 0; i < METRIC_MAX_TAGS; i++) {
        snprintf(key[i], sizeof key[i], "k%02u", i);
        m.tags[m.ntags++] = (struct tag){str_of(key[i]), {val, sizeof val}};
    }
    one_open(&o, "{to: stdout}");
    skips(&o, &m, "its line would be longer than 65536 bytes");
    memset(val, '=', sizeof val);
    skips(&o, &m, "its tags have more than 65536 bytes");
    for (uint32_t i = 0; i < m.ntags; i++) /* keys, delimiters, and 65536 bytes less the rest */
        m.tags[i].val.n = i == 0 ? 898 : 1020;
    skips(&o, &m, "its line would be longer than 65536 bytes");
    m.tags[0].val.n--;
    batch_begin(&o.b);
    cr_assert_eq(batch_add(&o.b, &m, 0, 1), BATCH_ADDED);
    cr_assert_eq(o.b.bytes.n, 65536, "%zu", o.b.bytes.n);
    m.ntags = 0;
    gives(&o, &m, "mtype=gauge unit=unknown what=m  agent=garnet 1 1700000000\n");
    one_close(&o);
}

/* No byte of a name, key or value adds a line, a field, a node or a tag. */
Test(metrics20, every_byte_is_harmless)
{
    static const char node[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    struct one o;
    struct metric m = kit_metric("", 1);
    char text[4] = "a?b", want[160];

    m.name = (struct str){text, 3};
    m.ntags = 1;
    m.tags[0] = (struct tag){{text, 3}, {text, 3}};
    one_open(&o, "{to: stdout, style: carbon2}");
    for (int c = 0; c < 128; c++) {
        char is = c <= ' ' || c == 127 ? '_' : c == '=' ? ':' : (char)c;

        text[1] = (char)c;
        snprintf(want, sizeof want,
                 "a%cb=a%cb mtype=gauge unit=unknown what=a%cb  agent=garnet 1 1700000000\n", is,
                 is, is);
        gives(&o, &m, want);
    }
    one_close(&o);
    one_open(&o, "{to: stdout, style: key}");
    for (int c = 0; c < 128; c++) {
        char is = c != 0 && strchr(node, c) != NULL ? (char)c : '_';

        text[1] = (char)c;
        snprintf(want, sizeof want, "a%cb=a%cb.mtype=gauge.unit=unknown.what=a%cb 1 1700000000\n",
                 is, is, is);
        gives(&o, &m, want);
    }
    one_close(&o);
}

static unsigned times(const char *text, const char *what)
{
    unsigned n = 0;

    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

/* Nothing is dropped here, so only the log can tell whom to repair, and how much there was. */
Test(metrics20, metrics_without_a_listed_unit_are_told_and_counted)
{
    struct one o;
    struct metric m = kit_metric("bare", 1);
    char text[8192];
    size_t n;
    FILE *f;

    cr_redirect_stderr();
    one_open(&o, "{to: stdout}");
    log_set_level(LOG_L_INFO);
    for (int i = 0; i < 3; i++)
        gives(&o, &m, "mtype=gauge unit=unknown what=bare  agent=garnet 1 1700000000\n");
    m.unit = str_of("furlong");
    for (int i = 0; i < 2; i++)
        gives(&o, &m, "mtype=gauge unit=furlong what=bare  agent=garnet 1 1700000000\n");
    one_close(&o);
    (void)fflush(stderr);
    f = cr_get_redirected_stderr();
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    cr_assert_eq(times(text, "metric \"bare\" has no unit"), 1, "%s", text);
    cr_assert_eq(times(text, "metric \"bare\" has a unit that Metrics 2.0 does not list"), 1, "%s",
                 text);
    cr_assert_eq(times(text, "3 metrics that came without a unit, 2 with one that"), 1, "%s", text);
}

Test(metrics20, who_calls_them_unitless_is_not_told)
{
    struct one o;
    struct metric m = kit_metric("bare", 1);

    cr_redirect_stderr();
    one_open(&o, "{to: stdout, missing_unit: ''}");
    log_set_level(LOG_L_INFO);
    gives(&o, &m, "mtype=gauge unit= what=bare  agent=garnet 1 1700000000\n");
    one_close(&o);
    (void)fflush(stderr);
    cr_assert_eq(getc(cr_get_redirected_stderr()), EOF);
}
