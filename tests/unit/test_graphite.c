/* plugins/graphite: one folder a case in tests/data/graphite: options.yaml (the plugin's
 * options), metrics.json (one object a line, as a collector writes them), and want: the bytes,
 * or, when there is a file `error`, what is wrong with the options. */
#include <dirent.h>

#include "base/log.h"
#include "intake/json.h"
#include "sink/batch.h"
#include "sink_kit.h"

struct run {
    struct kit *k;
    struct batch *batch;
    uint64_t seq;
    const char *line;
};

static void add_metric(void *arg, const struct metric *m)
{
    struct run *r = arg;

    cr_assert_eq(batch_add(r->batch, m, r->seq++, 1), BATCH_ADDED, "%s", r->batch->plugin->why);
}

static void bad_metric(void *arg, const struct json_fault *f)
{
    struct run *r = arg;

    cr_assert_fail("%s: %s: %s", r->line, f->what.field, f->what.why);
}

static void add_lines(struct run *r, char *text)
{
    static const struct metric_limits limits = {METRIC_HARD_STRING, METRIC_MAX_TAGS,
                                                METRIC_HARD_STRING};
    const struct json_defaults d = {.collector = {"cpu", 3},
                                    .prefix = {"base.line", 9},
                                    .limits = &limits,
                                    .time_ns = INT64_C(1700000000999999999),
                                    .now_ns = INT64_C(1700000001000000000)};
    const struct json_sink sink = {r, add_metric, bad_metric};
    struct json_fault fault;

    for (char *next; (next = strchr(text, '\n')) != NULL; text = next + 1) {
        *next = 0;
        r->line = text;
        cr_assert_eq(json_read(text, (size_t)(next - text), &d, &sink, &fault), JSON_METRICS,
                     "%s: %s: %s", text, fault.what.field, fault.what.why);
    }
    cr_assert_eq(*text, 0, "metrics.json must end with a newline");
}

static const char *data(struct kit *k, const char *name, const char *file)
{
    return kit_read(k, arena_printf(&k->arena, TEST_DATA "/graphite/%s/%s", name, file));
}

static void same(const char *name, const char *got, size_t n, const char *want)
{
    cr_assert(n == strlen(want) && memcmp(got, want, n) == 0, "%s: got:\n%.*swant:\n%s", name,
              (int)n, got, want);
}

static void run_metrics(struct kit *k, struct plugin *p, const char *name)
{
    struct batch b;
    struct run r = {.k = k, .batch = &b};

    cr_assert_eq(plugin_open(p), GARNET_OK);
    cr_assert(batch_init(&b, p, 1 << 20));
    batch_begin(&b, 0);
    add_lines(&r, (char *)data(k, name, "metrics.json"));
    cr_assert(batch_end(&b));
    cr_assert_eq(b.rejected, 0);
    cr_assert_eq(b.nmetrics + b.skipped, r.seq);
    same(name, b.bytes.p, b.bytes.n, data(k, name, "want"));
    batch_free(&b);
}

static void run_case(const char *name)
{
    struct kit k;
    struct plugin p;

    kit_open(&k);
    kit_sink(&k, GRAPHITE, data(&k, name, "options.yaml"));
    cr_assert(plugin_load(&p, GRAPHITE), "%s", p.why);
    k.sink.node =
        yaml_parse(&k.arena, "options.yaml", str_of(data(&k, name, "options.yaml")), &k.e);
    if (plugin_configure(&p, &k.sink, "web01", &k.e))
        run_metrics(&k, &p, name);
    same(name, k.e.text.n > 0 ? k.e.text.p : "", k.e.text.n, data(&k, name, "error"));
    plugin_unload(&p);
    kit_close(&k);
}

Test(graphite, golden)
{
    DIR *d = opendir(TEST_DATA "/graphite");
    struct dirent *entry;
    int cases = 0;

    log_set_level(LOG_L_ERROR);
    cr_assert_not_null(d);
    while ((entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.') {
            run_case(entry->d_name);
            cases++;
        }
    closedir(d);
    cr_assert_geq(cases, 25);
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
    batch_begin(&b, 0);
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
        batch_begin(&b, 0);
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
