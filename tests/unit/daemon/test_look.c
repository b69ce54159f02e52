/* tests/unit/daemon/test_look.c - daemon/reload.h: what is refused for the world is looked at again */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "rig/loads.h"
#include "rig/processes.h"

TestSuite(look, .timeout = 60);

/* --- collectors --- */

/* With two collectors: one whose command is not there, and one that is good. */
static void begin_with_refused(const char *refused)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\n");
    stand_collector(&loads.stand, "odd", refused);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    cr_assert_str_eq(loads.generation->conf->collectors->name, "good");
    cr_assert_null(loads.generation->conf->collectors->next);
    cr_assert_str_eq(loads.generation->conf->refused->collector, "odd");
}

Test(look, a_refused_collector_costs_itself_and_starts_when_the_world_has_it)
{
    begin_with_refused(MISSING);
    loads_turn(500 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1, "a look that finds nothing hands over nothing");
    cr_assert_eq(stand_logged(&loads.stand, "odd.yaml:1:11: command: \"./later\" does not exist"),
                 1, "once: %s", stand_log_text(&loads.stand));
    cr_assert_eq(stand_logged(&loads.stand, "collector odd is refused and does not run"), 1);
    write_text(stand_path(&loads.stand, "collectors.d/later"), "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, stand_logged(&loads.stand, "\"./later\" is not executable") == 1);
    cr_assert_eq(chmod(stand_path(&loads.stand, "collectors.d/later"), 0755), 0);
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_eq(loads.accepted, 3);
    cr_assert_eq(stand_logged(&loads.stand, "collector odd is no longer refused"), 1);
    cr_assert_str_eq(loads.generation->conf->collectors->next->name, "odd");
    loads_turn(200 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 3, "there is nothing to look at");
    cr_assert_eq(loads.refused, 0);
    loads_end();
}

Test(look, what_is_wrong_with_a_files_text_is_not_looked_at)
{
    begin_with_refused("command: [./later]\nintervall: 1s\n");
    cr_assert_eq(stand_logged(&loads.stand, "odd is refused and does not run: mend its file"), 1);
    stand_collector(&loads.stand, "odd", "command: [/bin/true]\n");
    loads_turn(300 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1);
    loads_go();
    cr_assert_null(loads.generation->conf->refused);
    loads_end();
}

/* An edit is for the next SIGHUP; a file that could not be read has no text yet. */
Test(look, a_look_goes_by_the_text_that_was_read)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "odd", MISSING);
    cr_assert_eq(symlink("nowhere", stand_path(&loads.stand, "collectors.d/unread.yaml")), 0);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    stand_collector(&loads.stand, "odd", "command: [/bin/true]\n");
    write_text(stand_path(&loads.stand, "collectors.d/nowhere"), "command: [/bin/true]\n");
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    cr_assert_str_eq(loads.generation->conf->collectors->name, "unread");
    cr_assert_null(loads.generation->conf->collectors->next, "%s", stand_log_text(&loads.stand));
    loads_end();
}

Test(look, a_request_does_not_wait_for_a_look)
{
    begin_with_refused(MISSING);
    STAND_UNTIL(&loads.stand, loads.reload.looking);
    kill(loads_child(), SIGSTOP); /* as on a dead mount */
    (void)stand_configure(&loads.stand, "tags: {env: two}\n");
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    cr_assert_eq(loads.generation->conf->tags.n, 2);
    STAND_UNTIL(&loads.stand, loads.reload.looking);
    loads_end();
}

Test(look, a_look_that_dies_is_said_once_and_tried_again)
{
    begin_with_refused(MISSING);
    for (int i = 0; i < 3; i++) {
        STAND_UNTIL(&loads.stand, loads.reload.looking);
        kill(loads_child(), SIGKILL);
        STAND_UNTIL(&loads.stand, !loads.reload.looking);
    }
    cr_assert_eq(stand_logged(&loads.stand, "what is refused cannot be looked at"), 1);
    cr_assert_eq(loads.refused, 0);
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    loads_end();
}

Test(look, what_was_refused_gives_way_when_it_comes)
{
    static const char user[] = "user: '65533'\ngroup: '65533'\n";
    char text[128];

    if (geteuid() != 0)
        cr_skip_test("needs root to have other users");
    loads_begin("", GOOD);
    (void)snprintf(text, sizeof text, "%s" MISSING, user);
    stand_collector(&loads.stand, "a", text);
    (void)snprintf(text, sizeof text, "%scommand: [/bin/true]\nlimits: {processes: 9}\n", user);
    stand_collector(&loads.stand, "b", text);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    if (loads.generation->conf->collectors->cgroup.processes)
        cr_skip_test("there is a control group that counts processes");
    cr_assert_str_eq(loads.generation->conf->collectors->name, "b");
    (void)stand_script(&loads.stand, "collectors.d/later", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    cr_assert_str_eq(loads.generation->conf->collectors->name, "b");
    cr_assert_null(loads.generation->conf->collectors->next);
    cr_assert_eq(stand_logged(&loads.stand, "is that of collector b too"), 1, "%s",
                 stand_log_text(&loads.stand));
    loads_end();
}

Test(look, there_is_no_look_while_a_killed_child_is_not_gone)
{
    int held;

    begin_with_refused(MISSING);
    STAND_UNTIL(&loads.stand, loads.reload.looking);
    kill(loads_child(), SIGSTOP);
    if ((held = process_hold(loads_child())) < 0)
        cr_skip_test("may not trace a process that is not its child");
    reload_request(&loads.reload);
    cr_assert(ward_runs(&loads.reload.killed), "it is not known to be gone");
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    STAND_UNTIL(&loads.stand, !loads.reload.looking);
    for (int i = 0; i < 20; i++) {
        loads_turn(10 * NS_PER_MS);
        cr_assert_not(loads.reload.looking);
    }
    fd_close(&held);
    STAND_UNTIL(&loads.stand, loads.reload.looking);
    cr_assert_not(ward_runs(&loads.reload.killed));
    loads_end();
}

/* --- scripts --- */

Test(look, a_script_that_is_dropped_runs_and_one_that_goes_does_not)
{
    loads_begin("", GOOD);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\n");
    cr_assert_eq(mkdir(stand_path(&loads.stand, "scripts.d"), 0700), 0);
    cr_assert_eq(mkdir(stand_path(&loads.stand, "scripts.d/30s"), 0700), 0);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    loads_turn(200 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1, "a look that finds nothing hands over nothing");
    stand_collector(&loads.stand, "later", "command: [/bin/true]\n"); /* for a SIGHUP */
    (void)stand_script(&loads.stand, "scripts.d/30s/mail.nagios", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    cr_assert_str_eq(loads.generation->conf->collectors->next->name, "mail");
    cr_assert_null(loads.generation->conf->collectors->next->next, "%s",
                   stand_log_text(&loads.stand));
    cr_assert_eq(stand_logged(&loads.stand, "mail.nagios is there, and runs each 30s"), 1);
    (void)stand_script(&loads.stand, "scripts.d/30s/good.sh", "#!/bin/sh\n");
    STAND_UNTIL(&loads.stand, loads.accepted == 3);
    cr_assert_eq(stand_logged(&loads.stand, "is a collector of the same name as"), 2, "%s",
                 stand_log_text(&loads.stand));
    cr_assert_str_eq(loads.generation->conf->collectors->name, "good", "what ran runs on");
    cr_assert_eq(unlink(stand_path(&loads.stand, "scripts.d/30s/good.sh")), 0);
    cr_assert_eq(unlink(stand_path(&loads.stand, "scripts.d/30s/mail.nagios")), 0);
    STAND_UNTIL(&loads.stand, loads.generation->conf->collectors->next == NULL);
    cr_assert_eq(stand_logged(&loads.stand, "mail.nagios is gone"), 1);
    cr_assert_null(loads.generation->conf->refused);
    loads_end();
}

/* --- sinks --- */

#define LATER "sinks:\n  - {name: main, plugin: ./later.so, to: 'tcp://127.0.0.1:1'}\n"

Test(look, a_sink_without_its_plugin_is_refused_until_it_is_there)
{
    loads_begin(LATER "  - {name: good, plugin: graphite, to: 'tcp://127.0.0.1:2'}\n", GOOD);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    cr_assert(loads.generation->conf->sinks->refused);
    cr_assert_not(loads.generation->conf->sinks->next->refused);
    cr_assert_str_eq(loads.generation->conf->refused->sink, "main");
    loads_turn(200 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1);
    cr_assert_eq(stand_logged(&loads.stand, "sink main is refused and does not run"), 1);
    write_text(stand_path(&loads.stand, "later.so"), "");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_not(loads.generation->conf->sinks->refused);
    cr_assert_eq(stand_logged(&loads.stand, "sink main is no longer refused"), 1);
    loads_end();
}

/* The check is a script that does as the file "how" says. */
Test(look, a_check_that_dies_refuses_its_sink_and_is_run_again)
{
    loads_begin(SINK, "#!/bin/sh\n. \"${0%/*}/how\"\n");
    write_text(stand_path(&loads.stand, "how"), "echo hurt >&2; kill -SEGV $$\n");
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    cr_assert(loads.generation->conf->sinks->refused);
    cr_assert_eq(
        stand_logged(&loads.stand, "plugin graphite crashed while its options were checked"), 1,
        "%s", stand_log_text(&loads.stand));
    cr_assert_eq(stand_logged(&loads.stand, "its check printed: hurt"), 1);
    write_text(stand_path(&loads.stand, "how"),
               "echo 'garnet.yaml:6:3: no library' >&6; exit 111\n");
    STAND_UNTIL(&loads.stand,
                stand_logged(&loads.stand, "error: garnet.yaml:6:3: no library") == 1);
    write_text(stand_path(&loads.stand, "how"), "exit 0\n");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_eq(loads.refused, 0);
    loads_end();
}

/* A plugin of the same name that comes into an earlier folder is for a SIGHUP to find. */
Test(look, a_look_at_one_sink_leaves_the_others_alone)
{
    uint64_t digest;
    char text[512];

    loads_begin("", "#!/bin/sh\n[ $2 = main -o -e \"${0%/*}/mended\" ] || kill -SEGV $$\n");
    (void)snprintf(text, sizeof text,
                   "socket: {path: run/garnet.sock}\nhost: testhost\nspool: {dir: spool}\n"
                   "plugin_path: [%s, %s/plugins]\nsinks:\n"
                   "  - {name: main, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"
                   "  - {name: b, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n",
                   stand_path(&loads.stand, "early"), TEST_BUILD);
    write_text(stand_path(&loads.stand, "garnet.yaml"), text);
    loads.reload.look_every = 20 * NS_PER_MS;
    loads_go();
    cr_assert_str_eq(loads.generation->conf->refused->sink, "b");
    digest = loads.generation->conf->sinks->digest;
    cr_assert_eq(mkdir(stand_path(&loads.stand, "early"), 0755), 0);
    write_text(stand_path(&loads.stand, "early/graphite.so"), "");
    write_text(stand_path(&loads.stand, "mended"), "");
    STAND_UNTIL(&loads.stand, loads.generation->conf->refused == NULL);
    cr_assert_eq(loads.generation->conf->sinks->digest, digest);
    cr_assert_str_eq(loads.generation->conf->sinks->next->plugin_file,
                     stand_path(&loads.stand, "early/graphite.so"));
    loads_go();
    cr_assert_neq(loads.generation->conf->sinks->digest, digest);
    loads_end();
}
