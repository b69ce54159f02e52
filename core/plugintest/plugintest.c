/* plugintest/plugintest.c - which checks, in which order, and what their ends mean
 *
 * Each check runs in a child of its own (plugintest/child.h). Where the plugin cannot be loaded,
 * configured or opened, or crashes or hangs, there is nothing more to be asked. What it prints
 * itself goes into a file of its own, and is wrong.
 */
#include "plugintest/plugintest.h"

#include <dirent.h>
#include <errno.h>
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
#include "plugintest/golden.h"
#include "plugintest/lifecycle.h"
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

/* False after a line, once: it has printed something. */
static bool judge_printed(struct trial *t, const char *name)
{
    char text[200];
    ssize_t n = pread(t->child->out_fd, text, sizeof text, 0);

    if (n <= 0 || t->printed)
        return true;
    t->printed = true;
    say(stdout, "FAIL %s: it writes to standard output, \"%s\": use say()", name,
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
