/* plugintest/trial.c - options from the command line are put together as the map of a sink, one a line,
 * so that what is wrong with the third stands at "-o:3:...".
 */
#include "plugintest/trial.h"

#include <stdio.h>

#include "base/text.h"
#include "model/metric.h"

enum { MOST_FAILS = 3 };

__attribute__((format(printf, 3, 0))) static void put_line(struct trial *t, const char *verdict,
                                                           const char *fmt, va_list ap)
{
    child_say(t->child, "%s %s: ", verdict, t->check);
    child_sayv(t->child, fmt, ap);
    child_say(t->child, "\n");
}

bool trial_fail(struct trial *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (++t->failures <= MOST_FAILS)
        put_line(t, "FAIL", fmt, ap);
    va_end(ap);
    return false;
}

int trial_end(struct trial *t, const char *fmt, ...)
{
    va_list ap;

    if (t->failures > MOST_FAILS)
        child_say(t->child, "FAIL %s: and %u more\n", t->check, t->failures - MOST_FAILS);
    if (t->failures > 0)
        return 1;
    va_start(ap, fmt);
    put_line(t, "ok  ", fmt, ap);
    va_end(ap);
    return 0;
}

bool trial_load(struct trial *t)
{
    child_doing(t->child, CHILD_BLOCKS, "its constructors, while it is being loaded");
    return plugin_load(&t->plugin, t->file) || trial_fail(t, "%s", plugin_why(&t->plugin));
}

bool trial_options(struct trial *t, struct buf *yaml)
{
    bool ok = true;

    for (size_t i = 0; i < t->noptions; i++) {
        const char *option = t->options[i], *eq = strchr(option, '=');

        if (eq != NULL && eq != option)
            buf_putf(yaml, "%.*s: %s\n", (int)(eq - option), option, eq + 1);
        else
            ok = trial_fail(t, "-o %s is not KEY=VALUE", option);
    }
    if (yaml->n == 0)
        buf_puts(yaml, "{}\n");
    return ok;
}

/* What every sink must have and no test case cares about. */
static void add_to_stdout(struct trial *t, struct node *map)
{
    static struct node to = {.kind = NODE_SCALAR, .key = "to", .text = "stdout", .plain = true};

    if (t->plugin.def.deliver != NULL || node_get(map, "to") != NULL)
        return;
    to.next = map->first;
    map->first = &to;
    map->n++;
}

bool trial_configure_by(struct trial *t, const char *file, struct str yaml)
{
    struct node *map = yaml_parse(&t->arena, file, yaml, &t->errors);

    if (map == NULL || map->kind != NODE_MAP) {
        if (t->errors.n == 0)
            errors_add(&t->errors, (struct pos){file, 1, 1}, "these must be KEY: VALUE lines");
        return false;
    }
    add_to_stdout(t, map);
    t->sink = (struct conf_sink){.name = "test",
                                 .plugin = t->file,
                                 .plugin_file = t->file,
                                 .batch_size = TRIAL_BATCH,
                                 .node = map,
                                 .at = map->at};
    child_doing(t->child, CHILD_CALLS, "check()");
    return plugin_configure(&t->plugin, &t->sink, "web01", &t->errors);
}

bool trial_configure(struct trial *t)
{
    struct buf yaml = {0};
    bool ok = trial_options(t, &yaml);

    if (ok && !buf_ok(&yaml))
        ok = trial_fail(t, "there is no memory for its options");
    ok = ok && (trial_configure_by(t, "-o", (struct str){yaml.p, yaml.n}) ||
                trial_fail(t, "these options are refused (give others with -o KEY=VALUE):\n%.*s",
                           (int)t->errors.text.n - 1, t->errors.text.p));
    buf_free(&yaml);
    return ok;
}

bool trial_open(struct trial *t)
{
    int answer;

    child_doing(t->child, CHILD_BLOCKS, "open()");
    answer = plugin_open(&t->plugin);
    if (answer == GARNET_OK)
        return true;
    return trial_fail(
        t,
        "open() answers %s: %s; to be tested it must open with the options given (-o), so "
        "connect in deliver(), or give it something to connect to",
        answer == GARNET_RETRY ? "RETRY" : "FATAL", plugin_why(&t->plugin));
}

bool trial_batch(struct trial *t, size_t size)
{
    if (!batch_init(&t->batch, &t->plugin, size))
        return trial_fail(t, "there is no memory for a batch");
    t->plugin.batch_metrics = UINT32_MAX;
    batch_begin(&t->batch);
    return true;
}

bool trial_ready(struct trial *t, size_t batch_size)
{
    return trial_load(t) && trial_configure(t) && trial_open(t) && trial_batch(t, batch_size);
}

/* As a collector would send it, for who wants to see the crash again; cut if it is very long. */
static void note_metric(struct trial *t, const struct metric *m)
{
    struct buf b = {0};

    buf_putc(&b, '{');
    metric_put_json(&b, m, METRIC_TIME_NS);
    buf_putc(&b, '}');
    (void)snprintf(t->child->metric, sizeof t->child->metric, "%.*s", (int)b.n,
                   buf_ok(&b) ? b.p : "");
    buf_free(&b);
}

bool trial_add(struct trial *t, const struct metric *m, const char *what)
{
    struct batch *b = &t->batch;
    uint64_t rejected = b->rejected;
    size_t before = b->bytes.n;
    enum batch_result result;

    child_doing(t->child, CHILD_CALLS, "format() of a metric with %s", what);
    note_metric(t, m);
    result = batch_add(b, m, 0, 1);
    if (result == BATCH_FATAL)
        trial_fail(t, "with %s: %s", what, plugin_why(&t->plugin));
    else if (result == BATCH_FULL)
        trial_fail(t, "with %s it appends more than fits into a batch of %zu bytes", what,
                   b->limit);
    else if (b->rejected > rejected)
        trial_fail(t, "with %s: %s%s", what, plugin_why(&t->plugin),
                   strstr(plugin_why(&t->plugin), "whole lines") != NULL
                       ? "; escape or replace what ends a line"
                       : "");
    else
        return true;
    b->bytes.n = before;
    return false;
}

const char *trial_show(const char *p, size_t n)
{
    static char text[2][200];
    static unsigned turn;
    char *out = text[++turn % 2];

    str_show(out, sizeof text[0], (struct str){p, n});
    return out;
}
