/* tests/unit/conf/test_scripts.c - conf/scripts.h: programs in folders that are called like intervals */
#include <criterion/criterion.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/load.h"
#include "conf/scripts.h"

static char dir[64];
static struct snapshot snap;
static struct errors errors;
static struct conf *conf;
static struct asking asking = {.table = -1};

static const char *in_dir(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(const char *name, mode_t mode, const char *text)
{
    FILE *f = fopen(in_dir(name), "we");

    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    (void)fclose(f);
    cr_assert_eq(chmod(in_dir(name), mode), 0);
}

static void folder(const char *name)
{
    cr_assert_eq(mkdir(in_dir(name), 0700), 0);
}

static void start(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/garnet-scripts-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    put("garnet.yaml", 0600, "socket: {path: run/s}\nspool: {dir: spool}\nhost: h\nsinks: []\n");
    folder("scripts.d");
    folder("scripts.d/30s");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void forget(void)
{
    conf_free(conf);
    conf = NULL;
    snapshot_free(&snap);
    errors_free(&errors);
}

static void end(void)
{
    forget();
    (void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(scripts, .init = start, .fini = end);

static void load(void)
{
    forget();
    conf = conf_load(&snap, in_dir("garnet.yaml"), NULL, &asking, &errors);
    cr_assert_not_null(conf);
    cr_assert_not(errors_fatal(&errors), "%.*s", (int)errors.text.n, errors.text.p);
}

static const struct conf_collector *collector(const char *name)
{
    const struct conf_collector *k = conf_collector_named(conf, name);

    cr_assert_not_null(k, "%s is missing: %.*s", name, (int)errors.text.n, errors.text.p);
    return k;
}

/* Whether one of the refused has this text among its lines. */
static bool refused(const char *text)
{
    for (const struct conf_refused *r = conf->refused; r != NULL; r = r->next)
        if (strstr(r->lines, text) != NULL)
            return true;
    return false;
}

#define SCRIPT "#!/bin/sh\n"

Test(scripts, suffix_and_folder_say_it_all)
{
    folder("scripts.d/5m");
    put("scripts.d/30s/mail.nagios", 0700, SCRIPT);
    put("scripts.d/30s/plain", 0700, SCRIPT);
    put("scripts.d/5m/perl.pl", 0700, SCRIPT);
    put("scripts.d/5m/node.prometheus", 0700, SCRIPT);
    put("scripts.d/5m/.hidden", 0700, SCRIPT);
    put("scripts.d/5m/edited.sh~", 0700, SCRIPT);
    load();
    cr_assert_eq(collector("mail")->output, OUTPUT_NAGIOS);
    cr_assert_eq(collector("mail")->interval, 30 * NS_PER_S);
    cr_assert_eq(collector("mail")->timeout, 30 * NS_PER_S);
    cr_assert_str_eq(collector("mail")->prefix, "mail", "another script has a status, too");
    cr_assert_null(collector("plain")->prefix);
    cr_assert_str_eq(collector("mail")->command.v[0], in_dir("scripts.d/30s/mail.nagios"));
    cr_assert_eq(collector("plain")->output, OUTPUT_LINES);
    cr_assert_eq(collector("perl")->output, OUTPUT_LINES);
    cr_assert_eq(collector("node")->output, OUTPUT_PROMETHEUS);
    cr_assert_eq(collector("node")->interval, 300 * NS_PER_S);
    cr_assert_null(conf->refused);
    cr_assert_eq(conf->collectors->next->next->next->next, NULL, "there are four");
}

Test(scripts, the_file_beside_it_wins)
{
    put("scripts.d/30s/mail.nagios", 0700, SCRIPT);
    put("scripts.d/30s/mail.yaml", 0600, "interval: 1m\ntags: {a: b}\n");
    put("scripts.d/30s/odd.xyz", 0700, SCRIPT);
    put("scripts.d/30s/odd.yaml", 0600, "output: influx\n");
    put("scripts.d/30s/disk.munin", 0700, SCRIPT);
    put("scripts.d/30s/disk.yaml", 0600, "prefix: of\n");
    put("scripts.d/30s/none.nagios", 0700, SCRIPT);
    put("scripts.d/30s/none.yaml", 0600, "prefix: ''\n");
    put("scripts.d/30s/garnet.munin", 0700, SCRIPT);
    put("scripts.d/30s/off.sh", 0700, SCRIPT);
    put("scripts.d/30s/off.yaml", 0600, "enabled: false\n");
    load();
    cr_assert_eq(collector("mail")->interval, 60 * NS_PER_S);
    cr_assert_eq(collector("mail")->output, OUTPUT_NAGIOS);
    cr_assert_eq(collector("mail")->tags.n, 1);
    cr_assert_str_eq(collector("disk")->prefix, "of");
    cr_assert_null(collector("none")->prefix);
    cr_assert_null(collector("garnet")->prefix, "it would be Garnet's own");
    cr_assert_eq(collector("odd")->output, OUTPUT_INFLUX);
    cr_assert_not(collector("off")->enabled);
}

Test(scripts, what_is_refused)
{
    put("scripts.d/30s/odd.xyz", 0700, SCRIPT);
    put("scripts.d/30s/not-executable.sh", 0600, SCRIPT);
    put("scripts.d/30s/writable.sh", 0777, SCRIPT);
    put("scripts.d/30s/bad.sh", 0700, SCRIPT);
    put("scripts.d/30s/bad.yaml", 0600, "intervall: 1m\n");
    put("scripts.d/30s/good.sh", 0700, SCRIPT);
    load();
    cr_assert(
        refused("odd.xyz: prints what? \".xyz\" is no format: call it odd. and one of json, "));
    cr_assert(refused("not-executable.sh: command: "));
    cr_assert(refused("writable.sh: command: "));
    cr_assert(refused("bad.yaml:1:1: unknown key \"intervall\""));
    (void)collector("good");
}

Test(scripts, of_one_name_neither_is_used)
{
    folder("collectors.d");
    folder("scripts.d/1m");
    put("collectors.d/a.yaml", 0600, "command: [/bin/true]\n");
    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    put("scripts.d/30s/b.sh", 0700, SCRIPT);
    put("scripts.d/1m/b.nagios", 0700, SCRIPT);
    put("scripts.d/1m/c.nagios", 0700, SCRIPT);
    load();
    cr_assert(refused("collectors.d/a.yaml: is a collector of the same name as "));
    cr_assert(refused("scripts.d/30s/a.sh: is a collector of the same name as "));
    cr_assert(refused("scripts.d/30s/b.sh: is a collector of the same name as "));
    cr_assert(refused("scripts.d/1m/b.nagios: is a collector of the same name as "));
    cr_assert_str_eq(conf->collectors->name, "c");
    cr_assert_null(conf->collectors->next);
}

Test(scripts, folders)
{
    folder("scripts.d/often");
    put("scripts.d/often/a.sh", 0700, SCRIPT);
    put("scripts.d/30s/alone.yaml", 0600, "interval: 1m\n");
    load();
    cr_assert_null(conf->collectors);
    cr_assert(conf->scripts_there);
    cr_assert_not_null(
        strstr(errors.warnings.p, "scripts.d/often: is not read: name it like an interval"));
    cr_assert_eq(rmdir(in_dir("scripts.d/30s")), -1);
    put("garnet.yaml", 0600,
        "socket: {path: run/s}\nspool: {dir: spool}\nhost: h\nscripts: elsewhere\nsinks: []\n");
    load();
    cr_assert(refused("garnet.yaml:4:10: scripts: "), "a folder that is asked for must be there");
    cr_assert_not(conf->scripts_there);
}

Test(scripts, others_may_not_put_any_there)
{
    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    cr_assert_eq(chmod(in_dir("scripts.d/30s"), 0777), 0);
    load();
    cr_assert_null(conf->collectors);
    cr_assert_eq(chmod(in_dir("scripts.d/30s"), 0700), 0);
    cr_assert_eq(chmod(in_dir("scripts.d"), 0777), 0);
    load();
    cr_assert_null(conf->collectors);
    cr_assert(refused("scripts: "));
}

/* A look reads nothing that a name alone rules out: a script's text is no collector's file. */
Test(scripts, what_is_odd_is_never_read)
{
    put("scripts.d/30s/evil.bak", 0700, "command: [/bin/true]\n");
    put("scripts.d/30s/lonely.yaml", 0600, "command: [/bin/true]\n");
    load();
    cr_assert_null(conf->collectors);
    for (int i = 0; i < 2; i++) {
        struct conf *next = conf_load_refused(&snap, 0, &asking, &errors);

        cr_assert_not_null(next);
        cr_assert_null(next->collectors, "%s", next->collectors->name);
        conf_free(next);
    }
}

/* What is in a folder that cannot be read now stays as it is, and it is said. */
Test(scripts, a_folder_that_cannot_be_read_costs_nothing)
{
    struct snapshot now;
    struct conf *next;

    folder("scripts.d/1m");
    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    put("scripts.d/1m/b.sh", 0700, SCRIPT);
    load();
    now = snap;
    snap = (struct snapshot){0};
    cr_assert_eq(chmod(in_dir("scripts.d/30s"), 0777), 0);
    next = conf_load(&snap, in_dir("garnet.yaml"), &now, &asking, &errors);
    cr_assert_not_null(next);
    cr_assert_not_null(conf_collector_named(next, "a"));
    cr_assert_not_null(conf_collector_named(next, "b"));
    cr_assert_not_null(next->refused);
    cr_assert_not_null(strstr(next->refused->lines, "scripts: "));
    conf_free(next);
    next = conf_load_refused(&snap, 0, &asking, &errors);
    cr_assert_not_null(conf_collector_named(next, "a"), "a look keeps it, too");
    cr_assert_not_null(next->refused);
    conf_free(next);
    cr_assert_eq(chmod(in_dir("scripts.d/30s"), 0700), 0);
    next = conf_load_refused(&snap, 0, &asking, &errors);
    cr_assert_not_null(conf_collector_named(next, "a"));
    cr_assert_null(next->refused, "%s", next->refused->lines);
    conf_free(next);
    snapshot_free(&now);
}

Test(scripts, one_that_is_called_like_the_main_file)
{
    struct snapshot now;
    struct conf *next;

    put("scripts.d/30s/garnet.sh", 0700, SCRIPT);
    load();
    cr_assert_not_null(conf_collector_named(conf, "garnet"));
    now = snap;
    snap = (struct snapshot){0};
    put("scripts.d/30s/garnet.yaml", 0600, "intervall: 1m\n");
    next = conf_load(&snap, in_dir("garnet.yaml"), &now, &asking, &errors);
    cr_assert_not_null(conf_collector_named(next, "garnet"), "as it was before its file");
    conf_free(next);
    snapshot_free(&now);
}

/* Only a SIGHUP takes what a file says anew. */
Test(scripts, a_look_takes_scripts_and_no_edits)
{
    struct conf *next;

    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    put("scripts.d/30s/a.yaml", 0600, "interval: 1m\n");
    load();
    put("scripts.d/30s/a.yaml", 0600, "interval: 2m\n");
    put("scripts.d/30s/b.sh", 0700, SCRIPT);
    next = conf_load_refused(&snap, 0, &asking, &errors);
    cr_assert_eq(conf_collector_named(next, "a")->interval, 60 * NS_PER_S);
    cr_assert_not_null(conf_collector_named(next, "b"));
    conf_free(next);
}

Test(scripts, what_comes_and_goes_is_seen_once_it_is_settled)
{
    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    load();
    cr_assert_not(scripts_differ(&snap, conf, 0));
    put("scripts.d/30s/b.sh", 0700, SCRIPT);
    cr_assert(scripts_differ(&snap, conf, 0));
    cr_assert_not(scripts_differ(&snap, conf, 3600 * NS_PER_S), "it may be half there");
    cr_assert_eq(unlink(in_dir("scripts.d/30s/b.sh")), 0);
    cr_assert_not(scripts_differ(&snap, conf, 0));
    put("scripts.d/30s/a.yaml", 0600, "interval: 1m\n");
    cr_assert(scripts_differ(&snap, conf, 0));
    cr_assert_eq(unlink(in_dir("scripts.d/30s/a.yaml")), 0);
    cr_assert_eq(unlink(in_dir("scripts.d/30s/a.sh")), 0);
    cr_assert(scripts_differ(&snap, conf, 0));
}

Test(scripts, one_that_is_gone_ends_though_its_file_stays)
{
    struct conf *next;

    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    put("scripts.d/30s/a.yaml", 0600, "interval: 1m\n");
    load();
    cr_assert_not_null(conf_collector_named(conf, "a"));
    cr_assert_eq(unlink(in_dir("scripts.d/30s/a.sh")), 0);
    next = conf_load_refused(&snap, 0, &asking, &errors);
    cr_assert_null(conf_collector_named(next, "a"));
    conf_free(next);
}

static const struct snapshot_file *find_by_name(const char *name)
{
    const struct snapshot_file *f = snap.files;

    while (f != NULL && strcmp(f->path, in_dir(name)) != 0)
        f = f->next;
    return f;
}

/* Somebody writes into the folder all the time. */
static bool differs_while_busy(int64_t settled)
{
    put("scripts.d/30s/busy~", 0600, "");
    cr_assert_eq(unlink(in_dir("scripts.d/30s/busy~")), 0);
    return scripts_differ(&snap, conf, settled);
}

Test(scripts, what_is_still_by_itself_comes_alone)
{
    static const int64_t SETTLED = NS_PER_S;
    char was[PATH_MAX];
    struct conf *next;

    put("scripts.d/30s/a.sh", 0700, SCRIPT);
    put("scripts.d/30s/a.yaml", 0600, "interval: 1m\n");
    load();
    put("scripts.d/30s/b.sh", 0700, SCRIPT);
    for (int64_t end = clock_mono() + 60 * NS_PER_S; !differs_while_busy(SETTLED);)
        cr_assert_lt(clock_mono(), end, "a busy folder keeps it out");
    put("scripts.d/30s/half.sh", 0700, SCRIPT);
    cr_assert_eq(unlink(in_dir("scripts.d/30s/a.yaml")), 0);
    next = conf_load_refused(&snap, SETTLED, &asking, &errors);
    cr_assert_not_null(conf_collector_named(next, "b"));
    cr_assert_null(conf_collector_named(next, "half"), "it may be half there");
    cr_assert_eq(conf_collector_named(next, "a")->interval, 60 * NS_PER_S,
                 "its file may be back in a moment");
    conf_free(next);
    folder("scripts.d/1m");
    (void)snprintf(was, sizeof was, "%s", in_dir("scripts.d/30s/b.sh"));
    cr_assert_eq(rename(was, in_dir("scripts.d/1m/b.sh")), 0);
    for (int64_t end = clock_mono() + 60 * NS_PER_S;
         find_by_name("scripts.d/1m/b.sh") == NULL;) { /* and `half` is still by then */
        cr_assert_lt(clock_mono(), end, "one that has moved comes");
        (void)differs_while_busy(SETTLED);
        next = conf_load_refused(&snap, SETTLED, &asking, &errors);
        conf_free(next);
    }
    next = conf_load_refused(&snap, SETTLED, &asking, &errors);
    cr_assert_eq(conf_collector_named(next, "b")->interval, 60 * NS_PER_S,
                 "and is not kept out by itself");
    conf_free(next);
    cr_assert_eq(unlink(in_dir("scripts.d/1m/b.sh")), 0);
    cr_assert_not(differs_while_busy(SETTLED), "it may be back, too");
    next = conf_load_refused(&snap, SETTLED, &asking, &errors);
    cr_assert_not_null(conf_collector_named(next, "b"));
    conf_free(next);
    next = conf_load_refused(&snap, 0, &asking, &errors);
    cr_assert_null(conf_collector_named(next, "b"));
    cr_assert_not_null(conf_collector_named(next, "half"));
    cr_assert_eq(conf_collector_named(next, "a")->interval, 30 * NS_PER_S);
    conf_free(next);
}
