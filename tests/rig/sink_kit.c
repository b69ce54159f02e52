/* tests/rig/sink_kit.c - what the configuration would have parsed, made by hand; texts live in the arena */
#include "rig/sink_kit.h"

#include "rig/files.h"

void kit_open(struct kit *k)
{
    *k = (struct kit){.dir = "/tmp/garnet-sink-XXXXXX"};
    cr_assert_not_null(mkdtemp(k->dir));
}

void kit_close(struct kit *k)
{
    arena_free(&k->arena);
    errors_free(&k->e);
    remove_tree(k->dir);
}

void kit_sink(struct kit *k, const char *plugin_file, const char *yaml)
{
    struct node *node = yaml_parse(&k->arena, "/etc/garnet.yaml", str_of(yaml), &k->e);

    cr_assert_not_null(node);
    cr_assert_eq(k->e.n, 0, "%.*s", (int)k->e.text.n, k->e.text.p);
    k->sink = (struct conf_sink){.name = "main",
                                 .plugin_file = plugin_file,
                                 .flush = 0,
                                 .batch_size = 65536,
                                 .confirm = {.every = NS_PER_S, .bytes = 65536},
                                 .node = node,
                                 .at = node->at};
}

const char *kit_errors(struct kit *k)
{
    buf_putc(&k->e.text, 0);
    cr_assert(buf_ok(&k->e.text));
    k->e.text.n--;
    return k->e.text.p;
}

void kit_plugin(struct kit *k, struct plugin *p, const char *file, const char *yaml)
{
    kit_sink(k, file, yaml);
    cr_assert(plugin_load(p, file), "%s", plugin_why(p));
    cr_assert(plugin_configure(p, &k->sink, "web01", &k->e), "%s", kit_errors(k));
    cr_assert_eq(plugin_open(p), GARNET_OK, "%s", plugin_why(p));
}

struct metric kit_metric(const char *name, int64_t value)
{
    struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .time_ns = INT64_C(1700000000250000000)};

    m.value.i = value;
    m.name = str_of(name);
    return m;
}

char *kit_path(struct kit *k, const char *name)
{
    return arena_printf(&k->arena, "%s/%s", k->dir, name);
}

const char *kit_read(struct kit *k, const char *path)
{
    return read_text(&k->arena, path);
}

void kit_write(const char *path, const char *text)
{
    write_text(path, text);
}
