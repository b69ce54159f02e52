/* cli/plugin_test.c - `garnet plugin test`: which checks, and what their ends mean
 *
 * Each check runs in a child of its own (plugintest/child.h). Where the plugin cannot be loaded,
 * configured or opened, or crashes or hangs, there is nothing more to be asked. What it prints
 * itself goes into a file of its own, and is wrong. Exit
 * status 0: all is well; EXIT_CONFIG: something is wrong, and told on standard output; EXIT_USAGE;
 * EXIT_WORLD when there can be no children.
 */
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
#include "base/say.h"
#include "cli/plugin.h"
#include "plugintest/trial.h"

static const struct check {
    const char *name;
    int (*run)(void *arg);
    bool vital; /* without it the rest makes no sense */
} CHECKS[] = {
    {"load", check_load, true},        {"options", check_options, true},
    {"open", check_open, true},        {"format", check_format, false},
    {"hostile", check_hostile, false}, {"batch", check_batch, false},
    {"close", check_close, false},
};

/* False, told once: it has printed something. */
static bool judge_output(struct trial *t, const char *name)
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

static void tell_end(const struct trial *t, const char *name, const char *why)
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
static int run(struct trial *t, const char *name, int (*check)(void *arg))
{
    char why[600];
    int result;

    t->check = name;
    result = child_run(t->child, check, t, why);
    say_text(stdout, (struct str){t->child->text, t->child->said});
    if (result < 0)
        tell_end(t, name, why);
    return judge_output(t, name) || result < 0 ? result : 1;
}

static bool run_checks(struct trial *t)
{
    bool ok = true;

    for (size_t i = 0; i < sizeof CHECKS / sizeof *CHECKS; i++) {
        int result = run(t, CHECKS[i].name, CHECKS[i].run);

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

static bool run_case(struct trial *t, const char *folder, const char *name)
{
    struct arena a = {0};
    const char *check = arena_printf(&a, "golden %s", name);
    bool ok = false;

    t->golden = arena_printf(&a, "%s/%s", folder, name);
    if (t->golden != NULL && check != NULL)
        ok = run(t, check, check_golden) == 0;
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
        good += run_case(t, folder, cases[i]->d_name);
        free(cases[i]);
    }
    free(cases);
    (void)printf("%s golden: %d of %d cases as wanted\n", good == n ? "ok  " : "FAIL", good, n);
    return good == n;
}

static int test(struct trial *t, const char *golden)
{
    bool ok;

    t->child = child_new();
    if (t->child != NULL)
        t->child->out_fd = memfd_create("output", MFD_CLOEXEC);
    if (t->child == NULL || t->child->out_fd < 0) {
        (void)fprintf(stderr, "garnet plugin: cannot begin: %s\n", strerror(errno));
        return EXIT_WORLD;
    }
    ok = run_checks(t);
    if (golden != NULL)
        ok = run_golden(t, golden) && ok;
    fd_close(&t->child->out_fd);
    child_free(t->child);
    return ok ? 0 : EXIT_CONFIG;
}

/* The value of an option that takes one, or NULL. */
static const char *value_of(const char *option, char *const argv[], int *i)
{
    if (strcmp(argv[*i], option) != 0 || argv[*i + 1] == NULL)
        return NULL;
    return argv[++*i];
}

struct request {
    const char *name, *golden;
    char **options;
    size_t noptions;
};

/* 0, or EXIT_USAGE: told. */
static int parse(struct request *r, char *const argv[])
{
    const char *value;

    for (int i = 1; argv[i] != NULL; i++)
        if ((value = value_of("-o", argv, &i)) != NULL && strchr(value, '=') != NULL)
            r->options[r->noptions++] = argv[i];
        else if (value == NULL && (value = value_of("--golden", argv, &i)) != NULL)
            r->golden = value;
        else if (value != NULL || argv[i][0] == '-' || r->name != NULL)
            return plugin_usage("test does not take ", argv[i]);
        else
            r->name = argv[i];
    return r->name != NULL ? 0 : plugin_usage("test which plugin?", "");
}

int test_main(int argc, char *const argv[])
{
    struct arena a = {0};
    struct request r = {.options = arena_alloc(&a, (size_t)argc * sizeof *r.options)};
    struct trial t = {0};
    int status = r.options != NULL ? parse(&r, argv) : EXIT_WORLD;

    if (status == 0) {
        t.file = plugin_file_of(&a, r.name);
        t.options = r.options;
        t.noptions = r.noptions;
        log_set_level(LOG_L_ERROR);
        status = t.file != NULL ? test(&t, r.golden) : EXIT_WORLD;
    }
    arena_free(&a);
    return status;
}
