/* plugins/graphite: what no golden case (test_golden.c) can say. */
#include "base/log.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

static void same(const char *name, const char *got, size_t n, const char *want)
{
    cr_assert(n == strlen(want) && memcmp(got, want, n) == 0, "%s: got:\n%.*swant:\n%s", name,
              (int)n, got, want);
}

/* With hand-made metrics: what no collector can send, but a plugin must survive. */
Test(graphite, times_that_graphite_cannot_store)
{
    static const int64_t bad[] = {INT64_MIN, -INT64_C(1), 0, 999999999,
                                  INT64_C(4294967296000000000)};
    static const int64_t good[] = {1000000000, INT64_C(4294967295999999999)};
    struct kit k;
    struct plugin p;
    struct batch b;
    struct metric m = kit_metric("m", 1);

    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, "{name: main, to: stdout}");
    cr_assert(batch_init(&b, &p, 4096));
    batch_begin(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        m.time_ns = bad[i];
        cr_assert_eq(batch_add(&b, &m, i, 1), BATCH_ADDED);
    }
    cr_assert_eq(b.skipped, 5);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        m.time_ns = good[i];
        cr_assert_eq(batch_add(&b, &m, i, 1), BATCH_ADDED);
    }
    same("times", b.bytes.p, b.bytes.n, "m 1 1\nm 1 4294967295\n");
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

/* No byte of a name, tag or value adds a line, a field or a node. */
Test(graphite, every_byte_is_harmless)
{
    struct kit k;
    struct plugin p;
    struct batch b;
    struct metric m = kit_metric("", 1);
    char name[4] = "a?b", want[64];
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

    log_set_level(LOG_L_ERROR);
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, "{name: main, to: stdout, path: '{name}.{tags}'}");
    cr_assert(batch_init(&b, &p, 4096));
    m.name = (struct str){name, 3};
    m.ntags = 1;
    m.tags[0] = (struct tag){{"k", 1}, {name, 3}};
    for (int c = 0; c < 128; c++) {
        char in_name = c != 0 && strchr(safe, c) != NULL ? (char)c : '_';

        name[1] = (char)c;
        snprintf(want, sizeof want, "a%cb.a%cb 1 1700000000\n", in_name,
                 in_name == '.' ? '_' : in_name);
        batch_begin(&b);
        cr_assert_eq(batch_add(&b, &m, 0, 1), BATCH_ADDED);
        same("byte", b.bytes.p, b.bytes.n, want);
    }
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

/* It exports the one symbol, and needs nothing of Garnet's. */
Test(graphite, exports_one_symbol)
{
    FILE *f = popen("nm -D --defined-only " GRAPHITE, "r");
    char line[256];
    int n = 0;

    cr_assert_not_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        if (strstr(line, " __odr_asan.") != NULL) /* AddressSanitizer's own */
            continue;
        cr_assert_not_null(strstr(line, " garnet_plugin_v1\n"), "%s", line);
        n++;
    }
    cr_assert_eq(pclose(f), 0);
    cr_assert_eq(n, 1);
}
