/* plugintest/: the parts that can be asked without a plugin. What `garnet plugin` does as a whole is
 * tested by tests/scenario/test_kit.py. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugintest/battery.h"
#include "plugintest/child.h"
#include "plugintest/elf.h"
#include "plugintest/metrics.h"

/* --- a child --- */

static struct child *page;

static int returns_7(void *arg)
{
    (void)arg;
    return 7;
}

static int crashes(void *arg)
{
    (void)arg;
    child_doing(page, 5, "a thing called %s", "it");
    (void)raise(SIGKILL);
    return 0;
}

static int exits(void *arg)
{
    (void)arg;
    if (page->doing[0] != 0)
        _exit(0);
    return 0;
}

static int hangs(void *arg)
{
    (void)arg;
    child_doing(page, 1, "its sleep");
    while (page->doing[0] != 0)
        (void)pause();
    return 0;
}

Test(child, every_end_is_told)
{
    struct why why = {0};

    page = child_new();
    cr_assert_not_null(page);
    cr_assert_eq(child_run(page, returns_7, NULL, &why), 7);
    cr_assert_eq(child_run(page, crashes, NULL, &why), -1);
    cr_assert_str_eq(why.text, "crashed by SIGKILL (Killed) in a thing called it");
    cr_assert_eq(child_run(page, exits, NULL, &why), -1);
    cr_assert_str_eq(why.text, "ended its process, with exit status 0, in its start");
    cr_assert_eq(child_run(page, hangs, NULL, &why), -1);
    cr_assert_str_eq(why.text, "has hung for 1 s in its sleep");
    cr_assert_eq(child_run(page, returns_7, NULL, &why), 7);
    child_free(page);
}

/* --- metrics --- */

struct seen {
    char names[256], faults[512];
};

static void on_metric(void *arg, const struct metric *m)
{
    struct seen *s = arg;
    size_t n = strlen(s->names);

    (void)snprintf(s->names + n, sizeof s->names - n, "%.*s ", (int)m->name.n, m->name.s);
}

static void on_bad(void *arg, struct place at, const char *field, const char *why)
{
    struct seen *s = arg;
    size_t n = strlen(s->faults);

    (void)why;
    (void)snprintf(s->faults + n, sizeof s->faults - n, "%d:%d:%s ", (int)at.line, (int)at.byte,
                   field);
}

static void reads(const char *text, const char *names, const char *faults)
{
    static const struct metric_limits limits = {255, 32, 512};
    struct seen seen = {0};
    const struct metrics_reader r = {.defaults = {.limits = &limits,
                                                  .time_ns = INT64_C(1700000000000000000),
                                                  .now_ns = INT64_C(1700000000000000000)},
                                     .max_depth = 16,
                                     .max_value = 65536,
                                     .arg = &seen,
                                     .metric = on_metric,
                                     .bad = on_bad};

    (void)metrics_read(&r, str_of(text));
    cr_assert_str_eq(seen.names, names, "%s gives %s", text, seen.names);
    cr_assert_str_eq(seen.faults, faults, "%s gives %s", text, seen.faults);
}

Test(metrics, good_beside_bad)
{
    reads("", "", "");
    reads("{\"name\":\"a\",\"value\":1}", "a ", "");
    reads("[{\"name\":\"a\",\"value\":1},\n {\"name\":\"b\",\n\"value\":2}]\n", "a b ", "");
    reads("{\"name\":\"a\",\n  \"value\":\"x\"}{\"name\":\"b\",\"value\":2}", "b ", "2:11:value ");
    reads("{\"name\":\"v\",\"values\":{\"a\":1,\"b\":null}}", "v.a ", "1:33:values.b ");
}

Test(metrics, what_is_cut_short_costs_itself)
{
    reads("{\"name\":\"a\",\"value\":1}\n{\"name\":", "a ", "2:1: ");
    reads("nonsense\n{\"name\":\"a\",\"value\":1}", "a ", "1:1: ");
    /* an object cut just before a value takes the next line along, until that turns out */
    reads("{\"name\":\"a\",\"value\":\n{\"name\":\"b\",\"value\":1}\n{\"name\":\"c\",\"value\":1}",
          "b c ", "3:1: ");
}

/* --- symbols --- */

static void count_symbol(void *arg, const char *name, enum elf_symbol kind)
{
    unsigned *n = arg;

    *n += kind == ELF_DEFINED && strcmp(name, "garnet_plugin_v1") == 0;
}

/* Whatever is cut off or turned over, it is a sentence and never a fault. */
Test(elf, damaged_files)
{
    char path[] = "/tmp/garnet-elf-XXXXXX";
    struct why why;
    unsigned n = 0;
    FILE *in = fopen(TEST_BUILD "/plugins/graphite.so", "re");
    int fd = mkstemp(path);
    char *image;
    long size;

    cr_assert(elf_read(TEST_BUILD "/plugins/graphite.so", count_symbol, &n, &why));
    cr_assert_eq(n, 1);
    cr_assert(in != NULL && fd >= 0 && fseek(in, 0, SEEK_END) == 0);
    size = ftell(in);
    image = malloc((size_t)size);
    rewind(in);
    cr_assert_eq(fread(image, 1, (size_t)size, in), (size_t)size);
    for (long cut = 0; cut < size; cut += size / 64 + 1) {
        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(pwrite(fd, image, (size_t)cut, 0), cut);
        cr_assert_not(elf_read(path, count_symbol, &n, &why), "cut to %ld of %ld bytes", cut, size);
    }
    cr_assert_eq(pwrite(fd, image, (size_t)size, 0), size);
    for (int at = 16; at < 64; at++) { /* the header's offsets and counts */
        cr_assert_eq(pwrite(fd, "\xff", 1, at), 1);
        (void)elf_read(path, count_symbol, &n, &why);
        cr_assert_eq(pwrite(fd, image + at, 1, at), 1);
    }
    free(image);
    cr_assert_eq(fclose(in), 0);
    close(fd);
    cr_assert_eq(unlink(path), 0);
}

/* --- the battery --- */

static const struct metric_limits LIMITS = {255, METRIC_MAX_TAGS, 512};

static void is_valid(void *arg, const struct metric *m, const char *what)
{
    unsigned *n = arg;
    struct metric_fault f;

    cr_assert(metric_check(m, &LIMITS, &f), "%s: %s %s", what, f.field, f.why.text);
    ++*n;
}

/* A plugin is only blamed for what garnetd could hand on. */
Test(battery, every_metric_is_valid)
{
    unsigned n = 0;

    battery_each(&n, is_valid);
    cr_assert_gt(n, 150);
    for (unsigned field = 0; field < BATTERY_FIELDS; field++)
        for (char c = ' '; c < 127; c++)
            is_valid(&n, battery_with(c, field), battery_field(field));
}
