/* tests/rig/sink_kit.h - what the tests of the sink share: a folder, a sink as the configuration would
 * have it, metrics */
#ifndef SINK_KIT_H
#define SINK_KIT_H
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/metric.h"
#include "plugin/plugin.h"

#define TEST_PLUGIN(name) TEST_BUILD "/tests/plugins/" name ".so"
#define GRAPHITE          TEST_BUILD "/plugins/graphite.so"

struct kit {
    char dir[64];
    struct arena arena;
    struct conf_sink sink;
    struct errors e;
};

static inline void kit_open(struct kit *k)
{
    *k = (struct kit){.dir = "/tmp/garnet-sink-XXXXXX"};
    cr_assert_not_null(mkdtemp(k->dir));
}

static inline int kit_rm(const char *path, const struct stat *st, int flag, struct FTW *w)
{
    (void)st, (void)flag, (void)w;
    return remove(path);
}

static inline void kit_close(struct kit *k)
{
    arena_free(&k->arena);
    errors_free(&k->e);
    cr_assert_eq(nftw(k->dir, kit_rm, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A sink called main whose map in garnet.yaml is `yaml`. */
static inline void kit_sink(struct kit *k, const char *plugin_file, const char *yaml)
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

static inline const char *kit_errors(struct kit *k)
{
    buf_putc(&k->e.text, 0);
    cr_assert(buf_ok(&k->e.text));
    k->e.text.n--;
    return k->e.text.p;
}

/* Loads, configures and opens: all must work. */
static inline void kit_plugin(struct kit *k, struct plugin *p, const char *file, const char *yaml)
{
    kit_sink(k, file, yaml);
    cr_assert(plugin_load(p, file), "%s", p->why);
    cr_assert(plugin_configure(p, &k->sink, "web01", &k->e), "%s", kit_errors(k));
    cr_assert_eq(plugin_open(p), GARNET_OK, "%s", p->why);
}

static inline struct metric kit_metric(const char *name, int64_t value)
{
    struct metric m = {
        .type = METRIC_GAUGE, .vtype = METRIC_I64, .time_ns = INT64_C(1700000000250000000)};

    m.value.i = value;
    m.name = str_of(name);
    return m;
}

static inline char *kit_path(struct kit *k, const char *name)
{
    return arena_printf(&k->arena, "%s/%s", k->dir, name);
}

/* A file's text, "" when it is not there. */
static inline const char *kit_read(struct kit *k, const char *path)
{
    struct buf b = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    char *text;

    while (fd >= 0 && n > 0) {
        n = read(fd, buf_room(&b, 65536), 65536);
        cr_assert_geq(n, 0);
        b.n += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    text = arena_strndup(&k->arena, b.n > 0 ? b.p : "", b.n);
    buf_free(&b);
    return text;
}

static inline void kit_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#endif
