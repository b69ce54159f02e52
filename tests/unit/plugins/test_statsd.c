/* plugins/statsd: what no golden case (test_golden.c) can say. */
#include "base/log.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

#define STATSD TEST_BUILD "/plugins/statsd.so"

static struct kit k;
static struct plugin p;
static struct batch b;

static void start(const char *options, size_t limit)
{
    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, STATSD, options);
    cr_assert(batch_init(&b, &p, limit));
    batch_begin(&b);
}

static void end(void)
{
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

static void same(const char *want)
{
    cr_assert(b.bytes.n == strlen(want) && memcmp(b.bytes.p, want, b.bytes.n) == 0,
              "got:\n%.*swant:\n%s", (int)b.bytes.n, b.bytes.p, want);
}

static bool among(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

/* No byte of a name, tag or value adds a line, a field or a tag. */
Test(statsd, every_byte_is_harmless)
{
    struct metric m = kit_metric("", -1);
    char text[4] = "a?b", want[128];

    start("{name: main, to: stdout, dialect: dogstatsd, path: '{name}.{t}'}", 4096);
    m.name = (struct str){text, 3};
    m.ntags = 2;
    m.tags[0] = (struct tag){{text, 3}, {text, 3}};
    m.tags[1] = (struct tag){{"t", 1}, {text, 3}};
    for (int c = 0; c < 128; c++) {
        char path[16], tags[16];

        text[1] = (char)c;
        snprintf(path, sizeof path, "a%cb.a%cb", among(c, SAFE) ? c : '_',
                 among(c, SAFE) && c != '.' ? c : '_');
        snprintf(tags, sizeof tags, "a%cb:a%cb", among(c, SAFE "/") ? c : '_',
                 among(c, SAFE "/:") ? c : '_');
        snprintf(want, sizeof want, "%s:0|g|#%s\n%s:-1|g|#%s\n", path, tags, path, tags);
        batch_begin(&b);
        cr_assert_eq(batch_add(&b, &m, 0, 1), BATCH_ADDED);
        same(want);
    }
    end();
}

/* A packet is a batch: one that has no room for both lines has neither. */
Test(statsd, a_negative_gauge_is_never_parted)
{
    struct metric one = kit_metric("a", 1), negative = kit_metric("b", -1);

    start("{name: main, to: stdout, path: '{name}'}", 17);
    cr_assert_eq(batch_add(&b, &one, 0, 1), BATCH_ADDED);
    cr_assert_eq(batch_add(&b, &negative, 1, 1), BATCH_FULL);
    same("a:1|g\n");
    batch_begin(&b);
    cr_assert_eq(batch_add(&b, &negative, 1, 1), BATCH_ADDED);
    same("b:0|g\nb:-1|g\n");
    cr_assert_eq(batch_add(&b, &one, 2, 1), BATCH_FULL);
    end();
}

/* One that does not fit into any packet is rejected, and the next one goes on. */
Test(statsd, a_line_longer_than_a_packet)
{
    struct metric is_long = kit_metric("abcdefghijkl", 1), one = kit_metric("a", 1);

    start("{name: main, to: stdout, path: '{name}'}", 16);
    cr_assert_eq(batch_add(&b, &is_long, 0, 1), BATCH_ADDED);
    cr_assert_eq(b.rejected, 1);
    cr_assert_eq(batch_add(&b, &one, 1, 1), BATCH_ADDED);
    same("a:1|g\n");
    end();
}

/* What the worker goes by: no time in the lines, no second time for a count, differences. */
Test(statsd, what_it_declares)
{
    start("{name: main, to: stdout}", 4096);
    cr_assert_eq(p.def.flags, GARNET_UNTIMED);
    cr_assert_eq(p.def.counters, GARNET_COUNTERS_DELTA);
    end();
}
