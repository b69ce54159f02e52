/* tests/unit/daemon/test_reload.c - daemon/reload.h: real files, read and checked by a real child */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/reload.h"
#include "rig/daemon_stand.h"
#include "rig/processes.h"

static struct stand stand;
static struct reload reload;
static struct generation *generation; /* loaded last */
static int naccepted, nrefused;
static bool end_when_loaded;

static void on_loaded(void *arg, struct generation *g)
{
    (void)arg;
    naccepted += g != NULL;
    nrefused += g == NULL;
    if (g != NULL) {
        generation_unref(generation);
        generation = g;
    }
    if (end_when_loaded)
        reload_end(&reload);
}

/* `check`: what stands for `garnet-sink check`. */
static void begin(const char *conf, const char *check)
{
    static char path[128], program[128];

    stand_begin(&stand);
    (void)snprintf(path, sizeof path, "%s", stand_configure(&stand, conf));
    (void)snprintf(program, sizeof program, "%s", stand_script(&stand, "check", check));
    stand_keepers(&stand);
    reload_init(&reload, &stand.keepers, path, program, on_loaded, NULL);
}

/* Of the one that reads. */
static pid_t child_pid(void)
{
    STAND_UNTIL(&stand, reload.child.pid > 0);
    return reload.child.pid;
}

static void load(void)
{
    int before = naccepted + nrefused;

    reload_request(&reload);
    cr_assert(reload.loading);
    STAND_UNTIL(&stand, naccepted + nrefused > before);
}

static void end(void)
{
    reload_free(&reload);
    generation_unref(generation);
    stand_end(&stand);
}

#define GOOD "#!/bin/sh\n[ $1 = check ]\n"
/* No longer than who asks. */
#define HANGS                                                                                      \
    "#!/bin/sh\nwhile read -r pid name state parent rest </proc/$$/stat && [ $parent = $PPID ]\n"  \
    "do sleep .1; done\n"
#define SINK "sinks:\n  - {name: main, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"

TestSuite(reload, .timeout = 60);

Test(reload, a_good_one_is_accepted)
{
    begin(SINK "tags: {env: one}\n", GOOD);
    load();
    cr_assert_eq(naccepted, 1);
    cr_assert_not(reload.loading);
    cr_assert_str_eq(generation->conf->sinks->name, "main");
    cr_assert_geq(generation->snapshot_fd, 0);
    (void)stand_configure(&stand, "tags: {env: two}\n");
    load();
    cr_assert_eq(naccepted, 2);
    cr_assert_null(generation->conf->sinks);
    end();
}

Test(reload, errors_are_logged_with_their_places)
{
    begin("intake: {max_value: many}\nno_such_key: 1\n", GOOD);
    load();
    cr_assert_eq(nrefused, 1);
    cr_assert_eq(stand_logged(&stand, "garnet.yaml:5:"), 1, "%s", stand_log_text(&stand));
    cr_assert_eq(stand_logged(&stand, "garnet.yaml:6:"), 1);
    cr_assert_eq(stand_logged(&stand, "the old one stays"), 0, "there is none");
    (void)stand_configure(&stand, "");
    load();
    cr_assert_eq(naccepted, 1);
    (void)stand_configure(&stand, "no_such_key: 1\n");
    load();
    cr_assert_eq(nrefused, 2);
    cr_assert_eq(stand_logged(&stand, "the new configuration is not used: the old one stays"), 1);
    end();
}

Test(reload, what_its_plugin_refuses_is_refused)
{
    begin(SINK, "#!/bin/sh\necho 'garnet.yaml:6:3: no such prefix' >&6\nexit 1\n");
    load();
    cr_assert_eq(nrefused, 1);
    cr_assert_eq(stand_logged(&stand, "error: garnet.yaml:6:3: no such prefix"), 1, "%s",
                 stand_log_text(&stand));
    end();
}

Test(reload, what_cannot_change_is_refused)
{
    begin("", GOOD);
    load();
    cr_assert_eq(naccepted, 1);
    write_text(stand_path(&stand, "garnet.yaml"),
               "socket: {path: run/other.sock}\nhost: testhost\nspool: {dir: spool}\n");
    load();
    write_text(stand_path(&stand, "garnet.yaml"),
               "socket: {path: run/garnet.sock}\nhost: testhost\nspool: {dir: other}\n");
    load();
    write_text(
        stand_path(&stand, "garnet.yaml"),
        "socket: {path: run/garnet.sock, mode: '0600'}\nhost: testhost\nspool: {dir: spool}\n");
    load();
    cr_assert_eq(nrefused, 3);
    cr_assert_eq(stand_logged(&stand, "`socket` cannot change while garnetd runs: restart it"), 2);
    cr_assert_eq(stand_logged(&stand, "`spool.dir` cannot change while garnetd runs: restart it"),
                 1);
    end();
}

Test(reload, requests_meanwhile_are_one_more_round)
{
    begin("", GOOD);
    for (int i = 0; i < 100; i++)
        reload_request(&reload);
    STAND_UNTIL(&stand, naccepted == 2);
    for (int i = 0; i < 25; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(naccepted, 2);
    cr_assert_not(reload.loading);
    end();
}

Test(reload, nothing_is_loaded_after_its_end)
{
    begin(SINK, HANGS);
    reload_request(&reload);
    cr_assert(reload.loading);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    reload_end(&reload);
    reload_request(&reload);
    cr_assert_not(reload.loading);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(naccepted + nrefused, 0);
    end();
}

Test(reload, its_owner_may_end_it_when_it_is_told)
{
    begin("", GOOD);
    end_when_loaded = true;
    reload_request(&reload);
    reload_request(&reload);
    STAND_UNTIL(&stand, naccepted == 1);
    for (int i = 0; i < 10; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(naccepted, 1, "not the round that was asked for meanwhile");
    end();
}

Test(reload, failures_are_counted)
{
    struct self_round at;

    begin("self_metrics: 10s\n", GOOD);
    load();
    (void)stand_configure(&stand, "no_such_key: 1\n");
    load();
    load();
    stand_intake(&stand, generation->conf);
    at = selfmetrics_beginning(stand.self, 0);
    reload_metrics(&reload, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.reload.failures 2 "), 1);
    end();
}

/* --- collectors that are refused --- */

#define MISSING "command: [./later]\n" /* beside its file */

/* With two collectors: one whose command is not there, and one that is good. */
static void begin_with_refused(const char *refused)
{
    begin("", GOOD);
    stand_collector(&stand, "good", "command: [/bin/true]\n");
    stand_collector(&stand, "odd", refused);
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_eq(naccepted, 1, "%s", stand_log_text(&stand));
    cr_assert_str_eq(generation->conf->collectors->name, "good");
    cr_assert_null(generation->conf->collectors->next);
    cr_assert_str_eq(generation->conf->refused->collector, "odd");
}

static void turn_looks(int64_t ns)
{
    for (int64_t until = clock_mono() + ns; clock_mono() < until;)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
}

Test(reload, a_refused_collector_costs_itself_and_starts_when_the_world_has_it)
{
    begin_with_refused(MISSING);
    turn_looks(500 * NS_PER_MS);
    cr_assert_eq(naccepted, 1, "a look that finds nothing hands over nothing");
    cr_assert_eq(stand_logged(&stand, "odd.yaml:1:11: command: \"./later\" does not exist"), 1,
                 "once: %s", stand_log_text(&stand));
    cr_assert_eq(stand_logged(&stand, "collector odd is refused and does not run"), 1);
    write_text(stand_path(&stand, "collectors.d/later"), "#!/bin/sh\n");
    STAND_UNTIL(&stand, stand_logged(&stand, "\"./later\" is not executable") == 1);
    cr_assert_eq(chmod(stand_path(&stand, "collectors.d/later"), 0755), 0);
    STAND_UNTIL(&stand, generation->conf->refused == NULL);
    cr_assert_eq(naccepted, 3);
    cr_assert_eq(stand_logged(&stand, "collector odd is no longer refused"), 1);
    cr_assert_str_eq(generation->conf->collectors->next->name, "odd");
    turn_looks(200 * NS_PER_MS);
    cr_assert_eq(naccepted, 3, "there is nothing to look at");
    cr_assert_eq(nrefused, 0);
    end();
}

Test(reload, what_is_wrong_with_a_files_text_is_not_looked_at)
{
    begin_with_refused("command: [./later]\nintervall: 1s\n");
    cr_assert_eq(stand_logged(&stand, "odd is refused and does not run: mend its file"), 1);
    stand_collector(&stand, "odd", "command: [/bin/true]\n");
    turn_looks(300 * NS_PER_MS);
    cr_assert_eq(naccepted, 1);
    load();
    cr_assert_null(generation->conf->refused);
    end();
}

/* An edit is for the next SIGHUP; a file that could not be read has no text yet. */
Test(reload, a_look_goes_by_the_text_that_was_read)
{
    begin("", GOOD);
    stand_collector(&stand, "odd", MISSING);
    cr_assert_eq(symlink("nowhere", stand_path(&stand, "collectors.d/unread.yaml")), 0);
    reload.look_every = 20 * NS_PER_MS;
    load();
    stand_collector(&stand, "odd", "command: [/bin/true]\n");
    write_text(stand_path(&stand, "collectors.d/nowhere"), "command: [/bin/true]\n");
    STAND_UNTIL(&stand, naccepted == 2);
    cr_assert_str_eq(generation->conf->collectors->name, "unread");
    cr_assert_null(generation->conf->collectors->next, "%s", stand_log_text(&stand));
    end();
}

Test(reload, a_request_does_not_wait_for_a_look)
{
    begin_with_refused(MISSING);
    STAND_UNTIL(&stand, reload.looking);
    kill(child_pid(), SIGSTOP); /* as on a dead mount */
    (void)stand_configure(&stand, "tags: {env: two}\n");
    load();
    cr_assert_eq(naccepted, 2);
    cr_assert_eq(generation->conf->tags.n, 2);
    STAND_UNTIL(&stand, reload.looking);
    end();
}

Test(reload, a_look_that_dies_is_said_once_and_tried_again)
{
    begin_with_refused(MISSING);
    for (int i = 0; i < 3; i++) {
        STAND_UNTIL(&stand, reload.looking);
        kill(child_pid(), SIGKILL);
        STAND_UNTIL(&stand, !reload.looking);
    }
    cr_assert_eq(stand_logged(&stand, "what is refused cannot be looked at"), 1);
    cr_assert_eq(nrefused, 0);
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&stand, generation->conf->refused == NULL);
    end();
}

Test(reload, what_was_refused_gives_way_when_it_comes)
{
    static const char user[] = "user: '65533'\ngroup: '65533'\n";
    char text[128];

    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    begin("", GOOD);
    (void)snprintf(text, sizeof text, "%s" MISSING, user);
    stand_collector(&stand, "a", text);
    (void)snprintf(text, sizeof text, "%scommand: [/bin/true]\nlimits: {processes: 9}\n", user);
    stand_collector(&stand, "b", text);
    reload.look_every = 20 * NS_PER_MS;
    load();
    if (generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
    cr_assert_str_eq(generation->conf->collectors->name, "b");
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&stand, naccepted == 2);
    cr_assert_str_eq(generation->conf->collectors->name, "b");
    cr_assert_null(generation->conf->collectors->next);
    cr_assert_eq(stand_logged(&stand, "is that of collector b too"), 1, "%s",
                 stand_log_text(&stand));
    end();
}

Test(reload, refused_collectors_are_counted)
{
    struct self_round at;

    begin("self_metrics: 10s\n", GOOD);
    stand_collector(&stand, "good", "command: [/bin/true]\n");
    stand_collector(&stand, "odd", MISSING);
    stand_collector(&stand, "not a name", "");
    load();
    stand_intake(&stand, generation->conf);
    at = selfmetrics_beginning(stand.self, 0);
    at.only_counters = false;
    reload_metrics(&reload, &at);
    (void)loop_turn(stand.loop, 0);
    cr_assert_eq(stand_taken(&stand, "garnet.collectors.refused 2 "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.collector.refused 1 collector=odd "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.collector.refused 0 collector=good "), 1);
    cr_assert_eq(stand_taken(&stand, "garnet.collector.refused "), 2);
    end();
}

/* --- what a file said before --- */

/* "good" and "odd" run; then "odd" is made this, and "good" has another interval. */
static void begin_with_changed(const char *odd)
{
    begin("", GOOD);
    stand_collector(&stand, "good", "command: [/bin/true]\n");
    stand_collector(&stand, "odd", "command: [/bin/true]\ninterval: 7s\n");
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_null(generation->conf->refused);
    stand_collector(&stand, "good", "command: [/bin/true]\ninterval: 3s\n");
    stand_collector(&stand, "odd", odd);
    load();
    cr_assert_eq(naccepted, 2);
}

static void check_kept(int loads)
{
    const struct conf_collector *good = generation->conf->collectors, *odd = good->next;

    cr_assert_eq(naccepted, loads);
    cr_assert_str_eq(good->name, "good");
    cr_assert_eq(good->interval, 3 * NS_PER_S);
    cr_assert_not_null(odd);
    cr_assert_str_eq(odd->name, "odd");
    cr_assert_eq(odd->interval, 7 * NS_PER_S);
    cr_assert(odd->kept);
    cr_assert_null(odd->next);
}

Test(reload, the_old_version_runs_on_and_the_others_are_applied)
{
    uint64_t digest;

    begin_with_changed("intervall: 5s\n");
    check_kept(2);
    cr_assert_eq(
        stand_logged(&stand, "collector odd is refused and runs on as it was: mend its file"), 1,
        "%s", stand_log_text(&stand));
    digest = generation->conf->collectors->next->digest;
    load();
    check_kept(3);
    cr_assert_eq(generation->conf->collectors->next->digest, digest, "it is not touched");
    (void)stand_configure(&stand, "tags: {env: two}\n");
    load();
    check_kept(4);
    cr_assert_neq(generation->conf->collectors->next->digest, digest, "it has the new tags");
    stand_collector(&stand, "odd", "command: [/bin/true]\ninterval: 5s\n");
    load();
    cr_assert_null(generation->conf->refused);
    cr_assert_eq(generation->conf->collectors->next->interval, 5 * NS_PER_S);
    end();
}

Test(reload, a_new_version_that_the_world_lacks_takes_over_by_itself)
{
    begin_with_changed("command: [./later]\ninterval: 5s\n");
    check_kept(2);
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&stand, generation->conf->refused == NULL);
    cr_assert_eq(generation->conf->collectors->next->interval, 5 * NS_PER_S);
    cr_assert_not(generation->conf->collectors->next->kept);
    end();
}

Test(reload, a_file_that_cannot_be_read_any_more_keeps_its_collector)
{
    begin_with_changed("command: [/bin/true]\ninterval: 7s\n");
    stand_collector(&stand, "odd", NULL);
    cr_assert_eq(symlink("nowhere", stand_path(&stand, "collectors.d/odd.yaml")), 0);
    load();
    check_kept(3);
    cr_assert_eq(unlink(stand_path(&stand, "collectors.d/odd.yaml")), 0);
    load();
    cr_assert_null(generation->conf->collectors->next, "one that is gone ends");
    end();
}

Test(reload, a_command_that_is_gone_keeps_its_collector)
{
    begin("", GOOD);
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&stand, "odd", "command: [./later]\n");
    load();
    cr_assert_eq(unlink(stand_path(&stand, "collectors.d/later")), 0);
    load();
    cr_assert_eq(naccepted, 2);
    cr_assert(generation->conf->collectors->kept);
    cr_assert_eq(
        stand_logged(&stand, "collector odd is refused and runs on as it was: it is looked"), 1,
        "%s", stand_log_text(&stand));
    end();
}

/* Two files that clash: who has changed gives way, and keeps what it had. */
Test(reload, in_a_clash_the_newcomer_is_refused)
{
    static const char user[] = "command: [/bin/true]\nuser: '65533'\ngroup: '65533'\n";
    char limited[128];

    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    (void)snprintf(limited, sizeof limited, "%slimits: {processes: 9}\n", user);
    begin("", GOOD);
    stand_collector(&stand, "b", limited);
    stand_collector(&stand, "c", "command: [/bin/true]\ninterval: 7s\n");
    load();
    if (generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
    stand_collector(&stand, "a", user);
    stand_collector(&stand, "c", user);
    load();
    cr_assert_eq(naccepted, 2);
    cr_assert_str_eq(generation->conf->collectors->name, "b");
    cr_assert_not(generation->conf->collectors->kept);
    cr_assert_eq(generation->conf->collectors->next->interval, 7 * NS_PER_S, "c as it was");
    cr_assert_str_eq(generation->conf->refused->collector, "c");
    cr_assert_str_eq(generation->conf->refused->next->collector, "a");
    cr_assert_not(generation->conf->refused->next->kept);
    end();
}

/* --- what runs goes before what comes --- */

#define ITS_USER    "user: '65533'\ngroup: '65533'\n"
#define ONE_PROCESS "limits: {processes: 9}\n"
#define RUNS        "command: [/bin/true]\n"

/* Of a collector, whose file says this; then it is loaded. */
static void begin_with(const char *name, const char *text)
{
    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    begin("", GOOD);
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&stand, "a", RUNS "interval: 7s\n");
    stand_collector(&stand, name, text);
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_null(generation->conf->refused, "%s", stand_log_text(&stand));
    if (generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
}

static const struct conf_collector *collector(const char *name)
{
    const struct conf_collector *k = generation->conf->collectors;

    while (k != NULL && strcmp(k->name, name) != 0)
        k = k->next;
    return k;
}

static void check_runs_on(const char *name)
{
    cr_assert_not_null(collector(name), "%s: %s", name, stand_log_text(&stand));
    cr_assert(collector(name)->kept, "%s: %s", name, stand_log_text(&stand));
}

Test(reload, a_look_takes_nothing_from_what_runs_on)
{
    begin_with("f", "command: [./later]\n" ITS_USER ONE_PROCESS);
    cr_assert_eq(unlink(stand_path(&stand, "collectors.d/later")), 0);
    stand_collector(&stand, "n", RUNS ITS_USER);
    load();
    check_runs_on("f");
    cr_assert_null(collector("n"));
    turn_looks(300 * NS_PER_MS);
    cr_assert_eq(naccepted, 2, "%s", stand_log_text(&stand));
    load();
    check_runs_on("f");
    cr_assert_null(collector("n"));
    end();
}

Test(reload, a_changed_file_takes_nothing_from_a_broken_one)
{
    begin_with("b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&stand, "a", RUNS ITS_USER);
    stand_collector(&stand, "b", "command: [\n");
    load();
    check_runs_on("a");
    check_runs_on("b");
    end();
}

Test(reload, two_files_that_take_from_each_other_both_run_on)
{
    begin_with("b", RUNS ITS_USER);
    stand_collector(&stand, "c", RUNS ITS_USER);
    load();
    stand_collector(&stand, "b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&stand, "c", RUNS ITS_USER ONE_PROCESS);
    load();
    check_runs_on("b");
    check_runs_on("c");
    end();
}

Test(reload, what_one_file_gives_up_another_has_at_once)
{
    begin_with("b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&stand, "a", RUNS ITS_USER);
    stand_collector(&stand, "b", RUNS);
    load();
    cr_assert_null(generation->conf->refused, "%s", stand_log_text(&stand));
    cr_assert_eq(collector("a")->identity.uid, 65533);
    end();
}

Test(reload, a_folder_that_is_gone_ends_nothing)
{
    begin("", GOOD);
    stand_collector(&stand, "good", RUNS);
    load();
    cr_assert_eq(rename(stand_path(&stand, "collectors.d"), stand_path(&stand, "away")), 0);
    for (int i = 0; i < 2; i++) {
        load();
        cr_assert_not_null(collector("good"), "%s", stand_log_text(&stand));
    }
    cr_assert_eq(stand_logged(&stand, "collectors.d\" is gone: make it again"), 2);
    reload.look_every = 20 * NS_PER_MS;
    load();
    turn_looks(200 * NS_PER_MS);
    cr_assert_not_null(collector("good"), "%s", stand_log_text(&stand));
    cr_assert_eq(mkdir(stand_path(&stand, "collectors.d"), 0700), 0);
    STAND_UNTIL(&stand, generation->conf->collectors == NULL);
    cr_assert_null(generation->conf->refused, "empty is as good as any");
    cr_assert_eq(rmdir(stand_path(&stand, "collectors.d")), 0);
    load();
    cr_assert_null(generation->conf->refused, "it had no files");
    cr_assert_eq(nrefused, 0);
    end();
}

Test(reload, what_is_kept_goes_by_what_is_found_now)
{
    uint64_t digest;

    begin("", GOOD);
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&stand, "odd", MISSING);
    load();
    digest = collector("odd")->digest;
    (void)stand_script(&stand, "collectors.d/later", "#!/bin/sh\n# another one\n");
    stand_collector(&stand, "odd", "command: [\n");
    load();
    check_runs_on("odd");
    cr_assert_neq(collector("odd")->digest, digest, "of another program");
    digest = collector("odd")->digest;
    cr_assert_eq(unlink(stand_path(&stand, "collectors.d/later")), 0);
    load();
    check_runs_on("odd");
    cr_assert_eq(collector("odd")->digest, digest, "there is no other");
    end();
}

/* What it says now nobody has asked for. */
Test(reload, a_file_that_was_read_once_is_not_read_by_a_look)
{
    begin_with_changed(MISSING);
    stand_collector(&stand, "odd", NULL);
    cr_assert_eq(symlink("nowhere", stand_path(&stand, "collectors.d/odd.yaml")), 0);
    load();
    check_kept(3);
    cr_assert_eq(stand_logged(&stand, "odd is refused and runs on as it was: mend its file"), 1);
    write_text(stand_path(&stand, "collectors.d/nowhere"), RUNS "interval: 5s\n");
    turn_looks(300 * NS_PER_MS);
    check_kept(3);
    load();
    cr_assert_null(generation->conf->refused);
    end();
}

Test(reload, there_is_no_look_while_a_killed_child_is_not_gone)
{
    int held;

    begin_with_refused(MISSING);
    STAND_UNTIL(&stand, reload.looking);
    kill(child_pid(), SIGSTOP);
    if ((held = process_hold(child_pid())) < 0)
        cr_skip_test("may not trace a process that is not its child");
    reload_request(&reload);
    cr_assert(ward_runs(&reload.killed), "it is not known to be gone");
    STAND_UNTIL(&stand, naccepted == 2);
    STAND_UNTIL(&stand, !reload.looking);
    for (int i = 0; i < 20; i++) {
        turn_looks(10 * NS_PER_MS);
        cr_assert_not(reload.looking);
    }
    fd_close(&held);
    STAND_UNTIL(&stand, reload.looking);
    cr_assert_not(ward_runs(&reload.killed));
    end();
}

/* --- sinks that are refused --- */

#define LATER "sinks:\n  - {name: main, plugin: ./later.so, to: 'tcp://127.0.0.1:1'}\n"

Test(reload, a_sink_without_its_plugin_is_refused_until_it_is_there)
{
    begin(LATER "  - {name: good, plugin: graphite, to: 'tcp://127.0.0.1:2'}\n", GOOD);
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_eq(naccepted, 1, "%s", stand_log_text(&stand));
    cr_assert(generation->conf->sinks->refused);
    cr_assert_not(generation->conf->sinks->next->refused);
    cr_assert_str_eq(generation->conf->refused->sink, "main");
    turn_looks(200 * NS_PER_MS);
    cr_assert_eq(naccepted, 1);
    cr_assert_eq(stand_logged(&stand, "sink main is refused and does not run"), 1);
    write_text(stand_path(&stand, "later.so"), "");
    STAND_UNTIL(&stand, generation->conf->refused == NULL);
    cr_assert_not(generation->conf->sinks->refused);
    cr_assert_eq(stand_logged(&stand, "sink main is no longer refused"), 1);
    end();
}

/* The check is a script that does as the file "how" says. */
Test(reload, a_check_that_dies_refuses_its_sink_and_is_run_again)
{
    begin(SINK, "#!/bin/sh\n. \"${0%/*}/how\"\n");
    write_text(stand_path(&stand, "how"), "echo hurt >&2; kill -SEGV $$\n");
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_eq(naccepted, 1, "%s", stand_log_text(&stand));
    cr_assert(generation->conf->sinks->refused);
    cr_assert_eq(stand_logged(&stand, "plugin graphite crashed while its options were checked"), 1,
                 "%s", stand_log_text(&stand));
    cr_assert_eq(stand_logged(&stand, "its check printed: hurt"), 1);
    write_text(stand_path(&stand, "how"), "echo 'garnet.yaml:6:3: no library' >&6; exit 111\n");
    STAND_UNTIL(&stand, stand_logged(&stand, "error: garnet.yaml:6:3: no library") == 1);
    write_text(stand_path(&stand, "how"), "exit 0\n");
    STAND_UNTIL(&stand, generation->conf->refused == NULL);
    cr_assert_eq(nrefused, 0);
    end();
}

Test(reload, it_says_whether_what_is_wrong_may_be_good_later)
{
    begin("nonsense: 1\n", GOOD);
    load();
    cr_assert_not(reload.world);
    write_text(stand_path(&stand, "garnet.yaml"),
               "socket: {path: run/garnet.sock, group: no-such-group}\nhost: testhost\n");
    load();
    cr_assert(reload.world, "%s", stand_log_text(&stand));
    cr_assert_eq(nrefused, 2);
    end();
}

/* --- the folder --- */

/* A file in its place, at once: a look may be on its way. */
static void exchange_folder(void)
{
    cr_assert_eq(renameat2(AT_FDCWD, stand_path(&stand, "collectors.d"), AT_FDCWD,
                           stand_path(&stand, "aside"), RENAME_EXCHANGE),
                 0);
}

static void close_folder(void)
{
    write_text(stand_path(&stand, "aside"), "no folder");
    exchange_folder();
}

static void open_folder(void)
{
    exchange_folder();
    cr_assert_eq(unlink(stand_path(&stand, "aside")), 0);
}

Test(reload, a_folder_that_cannot_be_read_is_said_and_tried_again)
{
    begin("", GOOD);
    stand_collector(&stand, "good", "command: [/bin/true]\n");
    stand_collector(&stand, "odd", "command: [/no/such/thing]\n");
    close_folder();
    reload.look_every = 20 * NS_PER_MS;
    load();
    cr_assert_eq(naccepted, 1, "%s", stand_log_text(&stand));
    turn_looks(200 * NS_PER_MS);
    cr_assert_eq(naccepted, 1);
    cr_assert_eq(stand_logged(&stand, "collectors.d\" is not a folder"), 1);
    open_folder();
    STAND_UNTIL(&stand, naccepted == 2);
    cr_assert_str_eq(generation->conf->collectors->name, "good");
    cr_assert_str_eq(generation->conf->refused->collector, "odd");
    cr_assert_null(generation->conf->refused->next);
    end();
}

Test(reload, a_folder_that_cannot_be_read_removes_nothing)
{
    uint64_t digest;

    begin_with_changed("intervall: 5s\n");
    digest = generation->conf->collectors->digest;
    close_folder();
    load();
    check_kept(3);
    load();
    check_kept(4);
    cr_assert_eq(generation->conf->collectors->digest, digest);
    turn_looks(200 * NS_PER_MS);
    check_kept(4);
    write_text(stand_path(&stand, "aside/new.yaml"), "command: [/bin/true]\n");
    open_folder();
    STAND_UNTIL(&stand, naccepted == 5);
    cr_assert_eq(generation->conf->collectors->digest, digest);
    cr_assert_str_eq(generation->conf->collectors->next->name, "new");
    cr_assert(generation->conf->collectors->next->next->kept);
    stand_collector(&stand, "odd", NULL);
    load();
    cr_assert_null(generation->conf->collectors->next->next);
    end();
}

Test(reload, a_child_that_dies_may_live_later)
{
    begin(SINK, HANGS);
    reload_request(&reload);
    kill(child_pid(), SIGKILL);
    STAND_UNTIL(&stand, nrefused == 1);
    cr_assert(reload.world, "%s", stand_log_text(&stand));
    end();
}
