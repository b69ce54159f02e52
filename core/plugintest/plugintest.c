/* plugintest/plugintest.c - which checks, in which order, and what their ends mean
 *
 * Each check runs in a child of its own (plugintest/child.h). Where the plugin cannot be loaded,
 * configured or opened, or crashes or hangs, there is nothing more to be asked. What it prints
 * itself goes into a file of its own, and is wrong.
 *
 * Of a golden case (docs/plugins.md) metrics.json is read as from a collector's socket, and all metrics
 * go into one batch. Of a difference the first line is shown.
 */
#include "plugintest/plugintest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/terminal.h"
#include "plugintest/format.h"
#include "plugintest/lifecycle.h"
#include "plugintest/metrics.h"
#include "plugintest/trial.h"

static const struct check {
    const char *name;
    int (*check)(void *trial);
    bool vital; /* without it the rest makes no sense */
} CHECKS[] = {
    {"load", check_load, true},        {"options", check_options, true},
    {"open", check_open, true},        {"format", check_format, false},
    {"hostile", check_hostile, false}, {"batch", check_batch, false},
    {"close", check_close, false},
};

/* --- a check --- */

/* False after a line, once: it has printed something. */
static bool judge_printed(struct trial *t, const char *name)
{
    char text[200];
    ssize_t n = pread(t->child->out_fd, text, sizeof text, 0);

    if (n <= 0 || t->printed)
        return true;
    t->printed = true;
    say(stdout, "FAIL %s: it writes to standard output, \"%s\": use log()", name,
        trial_show(text, (size_t)n));
    return false;
}

static void print_end(const struct trial *t, const char *name, const char *why)
{
    say(stdout, "FAIL %s: the plugin %s", name, why);
    if (t->child->metric[0] == 0)
        return;
    say(stdout, "     that metric is %s", t->child->metric);
    (void)printf("     to see where: put it into m.json, a sink with the plugin into CONFIG, and "
                 "run\n"
                 "     gdb -ex 'set follow-fork-mode child' "
                 "-ex 'run plugin preview -c CONFIG <m.json' $(command -v garnet)\n");
}

/* 0: nothing is wrong; -1: the plugin did not live to the end of it. */
static int run_check(struct trial *t, const char *name, int (*check)(void *trial))
{
    struct why why;
    int result;

    t->check = name;
    result = child_run(t->child, check, t, &why);
    say_text(stdout, (struct str){t->child->text, t->child->said});
    if (result < 0)
        print_end(t, name, why.text);
    return judge_printed(t, name) || result < 0 ? result : 1;
}

static bool run_checks(struct trial *t)
{
    bool ok = true;

    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        int result = run_check(t, CHECKS[i].name, CHECKS[i].check);

        ok = ok && result == 0;
        if (result < 0 || (result > 0 && CHECKS[i].vital)) {
            (void)printf("     first this one: the other checks need it\n");
            return false;
        }
    }
    return ok;
}

/* --- a golden case: metrics in, exact bytes out --- */

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

static int check_golden(void *arg)
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

/* --- all of them --- */

static int is_case(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static bool run_golden_case(struct trial *t, const char *folder, const char *name)
{
    struct arena a = {0};
    const char *check = arena_printf(&a, "golden %s", name);
    bool ok = false;

    t->golden = arena_printf(&a, "%s/%s", folder, name);
    if (t->golden != NULL && check != NULL)
        ok = run_check(t, check, check_golden) == 0;
    arena_free(&a);
    return ok;
}

static bool run_golden(struct trial *t, const char *folder)
{
    struct dirent **cases;
    int n = scandir(folder, &cases, is_case, alphasort), good = 0;

    if (n <= 0) {
        say(stdout, "FAIL golden: %s: %s", folder,
            n < 0 ? strerror(errno) : "there is no case in it");
        if (n == 0)
            free(cases);
        return false;
    }
    for (int i = 0; i < n; i++) {
        good += run_golden_case(t, folder, cases[i]->d_name);
        free(cases[i]);
    }
    free(cases);
    (void)printf("%s golden: %d of %d cases as wanted\n", good == n ? "ok  " : "FAIL", good, n);
    return good == n;
}

int plugintest_run(const char *file, char *const options[], size_t noptions, const char *golden)
{
    struct trial t = {.file = file, .options = options, .noptions = noptions, .child = child_new()};
    bool ok;

    if (t.child != NULL)
        t.child->out_fd = memfd_create("output", MFD_CLOEXEC);
    if (t.child == NULL || t.child->out_fd < 0) {
        (void)fprintf(stderr, "garnet plugin: cannot begin: %s\n", strerror(errno));
        return EXIT_WORLD;
    }
    log_set_level(LOG_L_ERROR);
    ok = run_checks(&t);
    if (golden != NULL)
        ok = run_golden(&t, golden) && ok;
    fd_close(&t.child->out_fd);
    child_free(t.child);
    return ok ? 0 : EXIT_CONFIG;
}
