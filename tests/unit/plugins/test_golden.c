/* Every plugin that is built has its cases, a folder each in tests/data/PLUGIN: options.yaml (the
 * plugin's options), metrics.json (one object a line, as a collector writes them), and want: the
 * bytes, or, when there is a file `error`, what is wrong with the options. */
#include <dirent.h>

#include "base/log.h"
#include "intake/json.h"
#include "plugin/batch.h"
#include "rig/sink_kit.h"

struct run {
    struct kit *k;
    struct batch *batch;
    uint64_t seq;
    const char *line;
};

static void add_metric(void *arg, const struct metric *m)
{
    struct run *r = arg;

    cr_assert_eq(batch_add(r->batch, m, r->seq++, 1), BATCH_ADDED, "%s",
                 plugin_why(r->batch->plugin));
}

static void bad_metric(void *arg, const struct json_fault *f)
{
    struct run *r = arg;

    cr_assert_fail("%s: %s: %s", r->line, f->what.field, f->what.why.text);
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
                     "%s: %s: %s", text, fault.what.field, fault.what.why.text);
    }
    cr_assert_eq(*text, 0, "metrics.json must end with a newline");
}

static const char *data(struct kit *k, const char *name, const char *file)
{
    return kit_read(k, arena_printf(&k->arena, TEST_DATA "/%s/%s", name, file));
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
    batch_begin(&b);
    add_lines(&r, (char *)data(k, name, "metrics.json"));
    cr_assert(batch_end(&b));
    cr_assert_eq(b.rejected, 0);
    cr_assert_eq(b.nmetrics + b.skipped, r.seq);
    same(name, b.bytes.p, b.bytes.n, data(k, name, "want"));
    batch_free(&b);
}

/* `name` is PLUGIN/CASE. */
static void run_case(const char *plugin, const char *name)
{
    struct kit k;
    struct plugin p;
    const char *file;

    kit_open(&k);
    file = arena_printf(&k.arena, TEST_BUILD "/plugins/%s.so", plugin);
    kit_sink(&k, file, data(&k, name, "options.yaml"));
    cr_assert(plugin_load(&p, file), "%s", plugin_why(&p));
    k.sink.node =
        yaml_parse(&k.arena, "options.yaml", str_of(data(&k, name, "options.yaml")), &k.e);
    if (plugin_configure(&p, &k.sink, "web01", &k.e))
        run_metrics(&k, &p, name);
    same(name, k.e.text.n > 0 ? k.e.text.p : "", k.e.text.n, data(&k, name, "error"));
    plugin_unload(&p);
    kit_close(&k);
}

static void run_cases(const char *plugin)
{
    char path[4096];
    DIR *d;
    int cases = 0;

    snprintf(path, sizeof path, TEST_DATA "/%s", plugin);
    d = opendir(path);
    cr_assert_not_null(d, "%s has no cases", plugin);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", plugin, entry->d_name);
            run_case(plugin, path);
            cases++;
        }
    closedir(d);
    cr_assert_geq(cases, 40, "%s has only %d cases", plugin, cases);
}

Test(golden, every_plugin)
{
    DIR *d = opendir(TEST_BUILD "/plugins");
    int plugins = 0;

    log_set_level(LOG_L_ERROR);
    cr_assert_not_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        size_t n = strlen(entry->d_name);
        char plugin[256];

        if (n <= 3 || strcmp(entry->d_name + n - 3, ".so") != 0)
            continue;
        snprintf(plugin, sizeof plugin, "%.*s", (int)(n - 3), entry->d_name);
        run_cases(plugin);
        plugins++;
    }
    closedir(d);
    cr_assert_geq(plugins, 3);
}
