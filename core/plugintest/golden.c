/* plugintest/golden.c - metrics.json is read as from a collector's socket, and all metrics go into one
 * batch. Of a difference the first line is shown. docs/plugins.md has the rest of a case.
 */
#include "plugintest/golden.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fd.h"
#include "plugintest/metrics.h"
#include "plugintest/trial.h"

enum { GOLDEN_BATCH = 1 << 20 };

struct golden {
    struct trial *trial;
    unsigned metrics;
};

/* 1: read; 0: there is none; -1 after a FAIL line. */
static int read_case(struct trial *t, const char *name, struct buf *out)
{
    char path[4096];
    int fd, n = snprintf(path, sizeof path, "%s/%s", t->golden, name);
    bool ok;

    fd = n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 && errno == ENOENT)
        return 0;
    ok = fd >= 0 && fd_read_all(fd, -1, out) == 0;
    if (!ok)
        trial_fail(t, "cannot read %s: %s", path, strerror(errno));
    fd_close(&fd);
    return ok ? 1 : -1;
}

static void add_case_metric(void *arg, const struct metric *m)
{
    struct golden *g = arg;
    char what[160];

    (void)snprintf(what, sizeof what, "the name \"%.*s\" (metric %u of the case)",
                   (int)(m->name.n < 100 ? m->name.n : 100), m->name.s, ++g->metrics);
    (void)trial_add(g->trial, m, what);
}

static void fail_bad(void *arg, struct place at, const char *field, const char *why)
{
    struct golden *g = arg;

    trial_fail(g->trial, "metrics.json:%ju:%ju: %s%s%s", (uintmax_t)at.line, (uintmax_t)at.byte,
               field, *field != 0 ? ": " : "", why);
}

static void format_case(struct trial *t, const struct buf *json)
{
    static const struct metric_limits limits = {METRIC_HARD_STRING, METRIC_MAX_TAGS,
                                                METRIC_HARD_STRING};
    struct golden g = {.trial = t};
    const struct metrics_reader r = {.defaults = {.collector = {"cpu", 3},
                                                  .prefix = {"base.line", 9},
                                                  .limits = &limits,
                                                  .time_ns = INT64_C(1700000000999999999),
                                                  .now_ns = INT64_C(1700000001000000000)},
                                     .max_depth = FRAME_MAX_DEPTH,
                                     .max_value = 1 << 20,
                                     .arg = &g,
                                     .metric = add_case_metric,
                                     .bad = fail_bad};

    (void)metrics_read(&r, (struct str){json->p, json->n});
    child_doing(t->child, CHILD_CALLS, "end()");
    if (!batch_end(&t->batch))
        trial_fail(t, "%s", plugin_why(&t->plugin));
}

/* The first line in which they differ. */
static void compare_bytes(struct trial *t, const struct buf *got, const struct buf *want,
                          const char *what)
{
    size_t i = 0, line = 1, from = 0;

    while (i < got->n && i < want->n && got->p[i] == want->p[i])
        if (got->p[i++] == '\n') {
            from = i;
            line++;
        }
    if (i == got->n && i == want->n)
        return;
    trial_fail(t, "line %zu of the %s is \"%s\", wanted \"%s\"", line, what,
               trial_show(from < got->n ? got->p + from : "", got->n - from),
               trial_show(from < want->n ? want->p + from : "", want->n - from));
}

static void judge_metrics(struct trial *t, const struct buf *want)
{
    struct buf json = {0};
    int found = read_case(t, "metrics.json", &json);

    if (found == 0)
        trial_fail(t, "the case has no metrics.json");
    if (found > 0 && trial_open(t)) {
        if (trial_batch(t, GOLDEN_BATCH))
            format_case(t, &json);
        if (t->failures == 0)
            compare_bytes(t, &t->batch.bytes, want, "output");
        child_doing(t->child, CHILD_BLOCKS, "close()");
        plugin_unload(&t->plugin);
    }
    buf_free(&json);
}

static void judge_case(struct trial *t, const struct buf *yaml)
{
    struct buf want = {0}, error = {0};
    int wants = read_case(t, "want", &want), refuses = read_case(t, "error", &error);
    bool ok = trial_configure_by(t, "options.yaml", (struct str){yaml->p, yaml->n});

    if (wants >= 0 && refuses >= 0 && wants + refuses != 1)
        trial_fail(t, "the case must have one of the files want and error");
    else if (wants + refuses == 1 && refuses == 1)
        compare_bytes(t, &t->errors.text, &error, "error");
    else if (!ok)
        trial_fail(t, "the options are refused:\n%.*s", (int)t->errors.text.n - 1,
                   t->errors.text.p);
    else if (wants == 1)
        judge_metrics(t, &want);
    buf_free(&want);
    buf_free(&error);
}

int check_golden(void *arg)
{
    struct trial *t = arg;
    struct buf yaml = {0};
    int found;

    if (!trial_load(t))
        return 1;
    found = read_case(t, "options.yaml", &yaml);
    if (found == 0)
        (void)trial_options(t, &yaml);
    else if (yaml.n == 0)
        buf_puts(&yaml, "{}\n");
    if (found >= 0)
        judge_case(t, &yaml);
    buf_free(&yaml);
    if (t->failures == 0)
        return 0; /* the cases together have one line */
    return trial_end(t, "it is as wanted");
}
