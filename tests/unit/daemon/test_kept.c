/* tests/unit/daemon/test_kept.c - daemon/reload.h: what a collector's file said before is used while what it says now is not */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/loads.h"

TestSuite(kept, .timeout = 60);

/* "good" and "odd" run; then "odd" is made this, and "good" has another interval. */
static void begin_with_changed(const char *odd)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\n");
    stand_collector(&loads.stand, "odd", "command: [/bin/true]\ninterval: 7s\n");
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_null(loads.generation->conf->refused);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\ninterval: 3s\n");
    stand_collector(&loads.stand, "odd", odd);
    loads_go();
    cr_assert_eq(loads.accepted, 2);
}

static void check_kept(int n)
{
    const struct conf_collector *good = loads.generation->conf->collectors, *odd = good->next;

    cr_assert_eq(loads.accepted, n);
    cr_assert_str_eq(good->name, "good");
    cr_assert_eq(good->interval, 3 * NS_PER_S);
    cr_assert_not_null(odd);
    cr_assert_str_eq(odd->name, "odd");
    cr_assert_eq(odd->interval, 7 * NS_PER_S);
    cr_assert(odd->kept);
    cr_assert_null(odd->next);
}

Test(kept, the_old_version_runs_on_and_the_others_are_applied)
{
    uint64_t digest;

    begin_with_changed("intervall: 5s\n");
    check_kept(2);
    cr_assert_eq(
        stand_logged(&loads.stand, "collector odd is refused and runs on as it was: mend its file"),
        1, "%s", stand_log_text(&loads.stand));
    digest = loads.generation->conf->collectors->next->digest;
    loads_go();
    check_kept(3);
    cr_assert_eq(loads.generation->conf->collectors->next->digest, digest, "it is not touched");
    (void)stand_configure(&loads.stand, "tags: {env: two}\n");
    loads_go();
    check_kept(4);
    cr_assert_neq(loads.generation->conf->collectors->next->digest, digest, "it has the new tags");
    stand_collector(&loads.stand, "odd", "command: [/bin/true]\ninterval: 5s\n");
    loads_go();
    cr_assert_null(loads.generation->conf->refused);
    cr_assert_eq(loads.generation->conf->collectors->next->interval, 5 * NS_PER_S);
    loads_end();
}

Test(kept, a_new_version_that_the_world_lacks_takes_over_by_itself)
{
    begin_with_changed("command: [./later]\ninterval: 5s\n");
    check_kept(2);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_eq(loads.generation->conf->collectors->next->interval, 5 * NS_PER_S);
    cr_assert_not(loads.generation->conf->collectors->next->kept);
    loads_end();
}

Test(kept, a_file_that_cannot_be_read_any_more_keeps_its_collector)
{
    begin_with_changed("command: [/bin/true]\ninterval: 7s\n");
    stand_collector(&loads.stand, "odd", NULL);
    cr_assert_eq(symlink("nowhere", stand_path(&loads.stand, "collectors.d/odd.yaml")), 0);
    loads_go();
    check_kept(3);
    cr_assert_eq(unlink(stand_path(&loads.stand, "collectors.d/odd.yaml")), 0);
    loads_go();
    cr_assert_null(loads.generation->conf->collectors->next, "one that is gone ends");
    loads_end();
}

/* What it says now nobody has asked for. */
Test(kept, a_file_that_was_read_once_is_not_read_by_a_look)
{
    begin_with_changed(MISSING);
    stand_collector(&loads.stand, "odd", NULL);
    cr_assert_eq(symlink("nowhere", stand_path(&loads.stand, "collectors.d/odd.yaml")), 0);
    loads_go();
    check_kept(3);
    cr_assert_eq(stand_logged(&loads.stand, "odd is refused and runs on as it was: mend its file"),
                 1);
    write_text(stand_path(&loads.stand, "collectors.d/nowhere"), RUNS "interval: 5s\n");
    loads_turn(300 * NS_PER_MS);
    check_kept(3);
    loads_go();
    cr_assert_null(loads.generation->conf->refused);
    loads_end();
}

Test(kept, a_command_that_is_gone_keeps_its_collector)
{
    loads_begin("", GOOD);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&loads.stand, "odd", "command: [./later]\n");
    loads_go();
    cr_assert_eq(unlink(stand_path(&loads.stand, "collectors.d/later")), 0);
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    cr_assert(loads.generation->conf->collectors->kept);
    cr_assert_eq(
        stand_logged(&loads.stand, "collector odd is refused and runs on as it was: it is looked"),
        1, "%s", stand_log_text(&loads.stand));
    loads_end();
}

/* --- what runs goes before what comes --- */

#define ITS_USER    "user: '65533'\ngroup: '65533'\n"
#define ONE_PROCESS "limits: {processes: 9}\n"

/* Two files that clash: who has changed gives way, and keeps what it had. */
Test(kept, in_a_clash_the_newcomer_is_refused)
{
    static const char user[] = "command: [/bin/true]\nuser: '65533'\ngroup: '65533'\n";
    char limited[128];

    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    (void)snprintf(limited, sizeof limited, "%slimits: {processes: 9}\n", user);
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "b", limited);
    stand_collector(&loads.stand, "c", "command: [/bin/true]\ninterval: 7s\n");
    loads_go();
    if (loads.generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
    stand_collector(&loads.stand, "a", user);
    stand_collector(&loads.stand, "c", user);
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    cr_assert_str_eq(loads.generation->conf->collectors->name, "b");
    cr_assert_not(loads.generation->conf->collectors->kept);
    cr_assert_eq(loads.generation->conf->collectors->next->interval, 7 * NS_PER_S, "c as it was");
    cr_assert_str_eq(loads.generation->conf->refused->collector, "c");
    cr_assert_str_eq(loads.generation->conf->refused->next->collector, "a");
    cr_assert_not(loads.generation->conf->refused->next->kept);
    loads_end();
}

/* Of a collector, whose file says this; then it is loaded. */
static void begin_with(const char *name, const char *text)
{
    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    loads_begin("", GOOD);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&loads.stand, "a", RUNS "interval: 7s\n");
    stand_collector(&loads.stand, name, text);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_null(loads.generation->conf->refused, "%s", stand_log_text(&loads.stand));
    if (loads.generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
}

static void check_runs_on(const char *name)
{
    cr_assert_not_null(loads_collector(name), "%s: %s", name, stand_log_text(&loads.stand));
    cr_assert(loads_collector(name)->kept, "%s: %s", name, stand_log_text(&loads.stand));
}

Test(kept, a_look_takes_nothing_from_what_runs_on)
{
    begin_with("f", "command: [./later]\n" ITS_USER ONE_PROCESS);
    cr_assert_eq(unlink(stand_path(&loads.stand, "collectors.d/later")), 0);
    stand_collector(&loads.stand, "n", RUNS ITS_USER);
    loads_go();
    check_runs_on("f");
    cr_assert_null(loads_collector("n"));
    loads_turn(300 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 2, "%s", stand_log_text(&loads.stand));
    loads_go();
    check_runs_on("f");
    cr_assert_null(loads_collector("n"));
    loads_end();
}

Test(kept, a_changed_file_takes_nothing_from_a_broken_one)
{
    begin_with("b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&loads.stand, "a", RUNS ITS_USER);
    stand_collector(&loads.stand, "b", "command: [\n");
    loads_go();
    check_runs_on("a");
    check_runs_on("b");
    loads_end();
}

Test(kept, two_files_that_take_from_each_other_both_run_on)
{
    begin_with("b", RUNS ITS_USER);
    stand_collector(&loads.stand, "c", RUNS ITS_USER);
    loads_go();
    stand_collector(&loads.stand, "b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&loads.stand, "c", RUNS ITS_USER ONE_PROCESS);
    loads_go();
    check_runs_on("b");
    check_runs_on("c");
    loads_end();
}

Test(kept, what_one_file_gives_up_another_has_at_once)
{
    begin_with("b", RUNS ITS_USER ONE_PROCESS);
    stand_collector(&loads.stand, "a", RUNS ITS_USER);
    stand_collector(&loads.stand, "b", RUNS);
    loads_go();
    cr_assert_null(loads.generation->conf->refused, "%s", stand_log_text(&loads.stand));
    cr_assert_eq(loads_collector("a")->identity.uid, 65533);
    loads_end();
}

Test(kept, what_is_kept_goes_by_what_is_found_now)
{
    uint64_t digest;

    loads_begin("", GOOD);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    stand_collector(&loads.stand, "odd", MISSING);
    loads_go();
    digest = loads_collector("odd")->digest;
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n# another one\n");
    stand_collector(&loads.stand, "odd", "command: [\n");
    loads_go();
    check_runs_on("odd");
    cr_assert_neq(loads_collector("odd")->digest, digest, "of another program");
    digest = loads_collector("odd")->digest;
    cr_assert_eq(unlink(stand_path(&loads.stand, "collectors.d/later")), 0);
    loads_go();
    check_runs_on("odd");
    cr_assert_eq(loads_collector("odd")->digest, digest, "there is no other");
    loads_end();
}

/* --- the folder --- */

/* A file in its place, at once: a look may be on its way. */
static void exchange_folder(void)
{
    cr_assert_eq(renameat2(AT_FDCWD, stand_path(&loads.stand, "collectors.d"), AT_FDCWD,
                           stand_path(&loads.stand, "aside"), RENAME_EXCHANGE),
                 0);
}

static void close_folder(void)
{
    write_text(stand_path(&loads.stand, "aside"), "no folder");
    exchange_folder();
}

static void open_folder(void)
{
    exchange_folder();
    cr_assert_eq(unlink(stand_path(&loads.stand, "aside")), 0);
}

Test(kept, a_folder_that_is_gone_ends_nothing)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", RUNS);
    loads_go();
    cr_assert_eq(rename(stand_path(&loads.stand, "collectors.d"), stand_path(&loads.stand, "away")),
                 0);
    for (int i = 0; i < 2; i++) {
        loads_go();
        cr_assert_not_null(loads_collector("good"), "%s", stand_log_text(&loads.stand));
    }
    cr_assert_eq(stand_logged(&loads.stand, "collectors.d\" is gone: make it again"), 2);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    loads_turn(200 * NS_PER_MS);
    cr_assert_not_null(loads_collector("good"), "%s", stand_log_text(&loads.stand));
    cr_assert_eq(mkdir(stand_path(&loads.stand, "collectors.d"), 0700), 0);
    STAND_UNTIL(&loads.stand, loads.generation->conf->collectors == NULL);
    cr_assert_null(loads.generation->conf->refused, "empty is as good as any");
    cr_assert_eq(rmdir(stand_path(&loads.stand, "collectors.d")), 0);
    loads_go();
    cr_assert_null(loads.generation->conf->refused, "it had no files");
    cr_assert_eq(loads.refused, 0);
    loads_end();
}

Test(kept, a_folder_that_cannot_be_read_is_said_and_tried_again)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\n");
    stand_collector(&loads.stand, "odd", "command: [/no/such/thing]\n");
    close_folder();
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    loads_turn(200 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1);
    cr_assert_eq(stand_logged(&loads.stand, "collectors.d\" is not a folder"), 1);
    open_folder();
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    cr_assert_str_eq(loads.generation->conf->collectors->name, "good");
    cr_assert_str_eq(loads.generation->conf->refused->collector, "odd");
    cr_assert_null(loads.generation->conf->refused->next);
    loads_end();
}

Test(kept, a_folder_that_cannot_be_read_removes_nothing)
{
    uint64_t digest;

    begin_with_changed("intervall: 5s\n");
    digest = loads.generation->conf->collectors->digest;
    close_folder();
    loads_go();
    check_kept(3);
    loads_go();
    check_kept(4);
    cr_assert_eq(loads.generation->conf->collectors->digest, digest);
    loads_turn(200 * NS_PER_MS);
    check_kept(4);
    write_text(stand_path(&loads.stand, "aside/new.yaml"), "command: [/bin/true]\n");
    open_folder();
    STAND_UNTIL(&loads.stand, loads.accepted == 5);
    cr_assert_eq(loads.generation->conf->collectors->digest, digest);
    cr_assert_str_eq(loads.generation->conf->collectors->next->name, "new");
    cr_assert(loads.generation->conf->collectors->next->next->kept);
    stand_collector(&loads.stand, "odd", NULL);
    loads_go();
    cr_assert_null(loads.generation->conf->collectors->next->next);
    loads_end();
}
