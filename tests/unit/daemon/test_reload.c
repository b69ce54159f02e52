/* tests/unit/daemon/test_reload.c - daemon/reload.h: what is accepted, and what is refused as a whole */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "conf/path.h"
#include "rig/loads.h"
#include "rig/processes.h"

TestSuite(reload, .timeout = 60);

Test(reload, a_good_one_is_accepted)
{
    loads_begin(SINK "tags: {env: one}\n", GOOD);
    loads_go();
    cr_assert_eq(loads.accepted, 1);
    cr_assert_not(loads.reload.loading);
    cr_assert_str_eq(loads.generation->conf->sinks->name, "main");
    cr_assert_geq(loads.generation->snapshot_fd, 0);
    (void)stand_configure(&loads.stand, "tags: {env: two}\n");
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    cr_assert_null(loads.generation->conf->sinks);
    loads_end();
}

Test(reload, errors_are_logged_with_their_places)
{
    loads_begin("intake: {max_value: many}\nno_such_key: 1\n", GOOD);
    loads_go();
    cr_assert_eq(loads.refused, 1);
    cr_assert_eq(stand_logged(&loads.stand, "garnet.yaml:5:"), 1, "%s",
                 stand_log_text(&loads.stand));
    cr_assert_eq(stand_logged(&loads.stand, "garnet.yaml:6:"), 1);
    cr_assert_eq(stand_logged(&loads.stand, "the old one stays"), 0, "there is none");
    (void)stand_configure(&loads.stand, "");
    loads_go();
    cr_assert_eq(loads.accepted, 1);
    (void)stand_configure(&loads.stand, "no_such_key: 1\n");
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    cr_assert_eq(stand_logged(&loads.stand, "garnet.yaml is not used: the old one stays"), 1);
    loads_end();
}

Test(reload, what_its_plugin_refuses_is_refused)
{
    loads_begin(SINK, "#!/bin/sh\necho 'garnet.yaml:6:3: no such prefix' >&6\nexit 1\n");
    loads_go();
    cr_assert_eq(loads.refused, 1);
    cr_assert_eq(stand_logged(&loads.stand, "error: garnet.yaml:6:3: no such prefix"), 1, "%s",
                 stand_log_text(&loads.stand));
    loads_end();
}

/* Each waits for all to have begun. */
Test(reload, plugins_are_checked_side_by_side)
{
    loads_begin("sinks:\n"
                "  - {name: a, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"
                "  - {name: b, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n"
                "  - {name: c, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n",
                "#!/bin/sh\ncd \"${0%/*}\"; : >began.$2\n"
                "while ! [ -e began.a -a -e began.b -a -e began.c ]; do sleep .02; done\n");
    loads_go();
    cr_assert_eq(loads.accepted, 1);
    cr_assert_null(loads.generation->conf->refused, "%s", stand_log_text(&loads.stand));
    loads_end();
}

Test(reload, a_check_that_hangs_costs_its_sink)
{
    struct buf sinks = {0};

    buf_puts(&sinks, "sinks:\n");
    for (int i = 0; i < 20; i++)
        buf_putf(&sinks, "  - {name: s%d, plugin: graphite, to: 'tcp://127.0.0.1:1'}\n", i);
    buf_putc(&sinks, '\0');
    loads_begin(sinks.p, "#!/bin/sh\n[ $2 != s3 -a $2 != s5 ] || exec sleep 60\n");
    loads_go();
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    cr_assert_str_eq(loads.generation->conf->refused->sink, "s3");
    cr_assert_str_eq(loads.generation->conf->refused->next->sink, "s5");
    cr_assert_null(loads.generation->conf->refused->next->next);
    cr_assert_eq(stand_logged(&loads.stand, "did not end within 5s and was killed"), 2);
    buf_free(&sinks);
    loads_end();
}

Test(reload, what_cannot_change_is_refused)
{
    loads_begin("", GOOD);
    loads_go();
    cr_assert_eq(loads.accepted, 1);
    write_text(stand_path(&loads.stand, "garnet.yaml"),
               "socket: {path: run/other.sock}\nhost: testhost\nspool: {dir: spool}\n");
    loads_go();
    write_text(stand_path(&loads.stand, "garnet.yaml"),
               "socket: {path: run/garnet.sock}\nhost: testhost\nspool: {dir: other}\n");
    loads_go();
    write_text(
        stand_path(&loads.stand, "garnet.yaml"),
        "socket: {path: run/garnet.sock, mode: '0600'}\nhost: testhost\nspool: {dir: spool}\n");
    loads_go();
    cr_assert_eq(loads.accepted, 4, "as it was");
    cr_assert_str_eq(path_base(loads.generation->conf->socket.path), "garnet.sock");
    cr_assert_str_eq(path_base(loads.generation->conf->spool.dir), "spool");
    cr_assert_eq(
        stand_logged(&loads.stand, "`socket` cannot change while garnetd runs: restart it"), 2);
    cr_assert_eq(
        stand_logged(&loads.stand, "`spool.dir` cannot change while garnetd runs: restart it"), 1);
    loads_end();
}

Test(reload, requests_meanwhile_are_one_more_round)
{
    loads_begin("", GOOD);
    for (int i = 0; i < 100; i++)
        reload_request(&loads.reload);
    STAND_UNTIL(&loads.stand, loads.accepted == 2);
    for (int i = 0; i < 25; i++)
        (void)loop_turn(loads.stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 2);
    cr_assert_not(loads.reload.loading);
    loads_end();
}

Test(reload, nothing_is_loaded_after_its_end)
{
    loads_begin(SINK, HANGS);
    reload_request(&loads.reload);
    cr_assert(loads.reload.loading);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(loads.stand.loop, 20 * NS_PER_MS);
    reload_end(&loads.reload);
    reload_request(&loads.reload);
    cr_assert_not(loads.reload.loading);
    for (int i = 0; i < 5; i++)
        (void)loop_turn(loads.stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(loads.accepted + loads.refused, 0);
    loads_end();
}

Test(reload, its_owner_may_end_it_when_it_is_told)
{
    loads_begin("", GOOD);
    loads.end_when_loaded = true;
    reload_request(&loads.reload);
    reload_request(&loads.reload);
    STAND_UNTIL(&loads.stand, loads.accepted == 1);
    for (int i = 0; i < 10; i++)
        (void)loop_turn(loads.stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(loads.accepted, 1, "not the round that was asked for meanwhile");
    loads_end();
}

Test(reload, failures_are_counted)
{
    struct self_round at;

    loads_begin("self_metrics: 10s\n", GOOD);
    loads_go();
    (void)stand_configure(&loads.stand, "no_such_key: 1\n");
    loads_go();
    loads_go();
    stand_intake(&loads.stand, loads.generation->conf);
    at = selfmetrics_beginning(loads.stand.self, 0);
    reload_metrics(&loads.reload, &at);
    (void)loop_turn(loads.stand.loop, 0);
    cr_assert_eq(stand_taken(&loads.stand, "garnet.reload.failures 2 "), 1);
    loads_end();
}

Test(reload, it_says_whether_what_is_wrong_may_be_good_later)
{
    loads_begin("nonsense: 1\n", GOOD);
    loads_go();
    cr_assert_not(loads.reload.world);
    write_text(stand_path(&loads.stand, "garnet.yaml"),
               "socket: {path: run/garnet.sock, group: no-such-group}\nhost: testhost\n");
    loads_go();
    cr_assert(loads.reload.world, "%s", stand_log_text(&loads.stand));
    cr_assert_eq(loads.refused, 2);
    loads_end();
}

Test(reload, a_child_that_dies_may_live_later)
{
    loads_begin(SINK, HANGS);
    reload_request(&loads.reload);
    kill(loads_child(), SIGKILL);
    STAND_UNTIL(&loads.stand, loads.refused == 1);
    cr_assert(loads.reload.world, "%s", stand_log_text(&loads.stand));
    loads_end();
}

static pid_t nursery(void)
{
    return process_under(loads.stand.keepers.child.pid, "garnetd-nursery");
}

/* The nursery, before it reads what it is asked for; a keeper, while its process reads. What is lost twice may be asked
 * for later. */
Test(reload, one_that_is_lost_is_asked_for_once_more)
{
    loads_begin(SINK, GOOD);
    (void)kill(nursery(), SIGSTOP);
    reload_request(&loads.reload);
    (void)kill(nursery(), SIGKILL);
    STAND_UNTIL(&loads.stand, loads.accepted + loads.refused == 1);
    cr_assert_eq(loads.accepted, 1, "%s", stand_log_text(&loads.stand));
    cr_assert_eq(stand_logged(&loads.stand, "it is started once more"), 1);
    loads_go();
    cr_assert_eq(loads.accepted, 2);
    (void)stand_script(&loads.stand, "check", HANGS);
    reload_request(&loads.reload);
    for (int i = 0; i < 2; i++) {
        pid_t child = loads_child();

        (void)kill(process_under(nursery(), "garnetd-ward"), SIGKILL);
        STAND_UNTIL(&loads.stand, loads.reload.child.pid != child || loads.refused > 0);
    }
    cr_assert_eq(loads.refused, 1, "%s", stand_log_text(&loads.stand));
    cr_assert(loads.reload.world);
    cr_assert_eq(stand_logged(&loads.stand, "it is started once more"), 2);
    loads_end();
}

Test(reload, one_that_cannot_be_started_says_why)
{
    struct rlimit none;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(61237, 61237, 61237), 0);
    loads_begin("", GOOD);
    (void)getrlimit(RLIMIT_NPROC, &none);
    none.rlim_cur = 1;
    cr_assert_eq(prlimit(nursery(), RLIMIT_NPROC, &none, NULL), 0);
    loads_go();
    cr_assert_eq(loads.refused, 1);
    cr_assert(loads.reload.world);
    cr_assert_eq(stand_logged(&loads.stand, "the configuration could not be checked: the process "
                                            "for it cannot be started: Resource temporarily"),
                 1, "%s", stand_log_text(&loads.stand));
    loads_end();
}

Test(reload, refused_collectors_are_counted)
{
    struct self_round at;

    loads_begin("self_metrics: 10s\n", GOOD);
    stand_collector(&loads.stand, "good", "command: [/bin/true]\n");
    stand_collector(&loads.stand, "odd", MISSING);
    stand_collector(&loads.stand, "not a name", "");
    loads_go();
    stand_intake(&loads.stand, loads.generation->conf);
    at = selfmetrics_beginning(loads.stand.self, 0);
    at.only_counters = false;
    reload_metrics(&loads.reload, &at);
    (void)loop_turn(loads.stand.loop, 0);
    cr_assert_eq(stand_taken(&loads.stand, "garnet.collectors.refused 2 "), 1);
    cr_assert_eq(stand_taken(&loads.stand, "garnet.collector.refused 1 collector=odd "), 1);
    cr_assert_eq(stand_taken(&loads.stand, "garnet.collector.refused 0 collector=good "), 1);
    cr_assert_eq(stand_taken(&loads.stand, "garnet.collector.refused "), 2);
    loads_end();
}
