/* tests/unit/collect/test_collector_daemon.c - collect/collector.h: runs that overlap, daemons, and a machine out of processes */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/logpipe.h"
#include "rig/collector_scene.h"
#include "rig/processes.h"

TestSuite(collector_daemon, .timeout = 60);

/* --- overlap: kill --- */

Test(collector_daemon, overlap_kill_makes_way_for_the_next_slot)
{
    struct scene *s = scene_prepare("exec sleep 1000", 200 * MS);
    struct collector_stats st;

    s->conf.overlap = OVERLAP_KILL;
    scene_go(s);
    TURN_UNTIL(s, s->nended >= 4);
    st = stats_of(s);
    cr_assert_eq(st.outcomes[OUTCOME_OVERLAP], (uint64_t)s->nended);
    cr_assert_eq(s->collector->sched.missed[MISS_OVERLAP], 0, "no slot is missed");
    for (int i = 1; i < s->nended; i++)
        cr_assert_eq(s->ended[i].slot_ns - s->ended[i - 1].slot_ns, 200 * MS);
    cr_assert_eq(times_logged(s, "probe: killed by overlap: the next run was due\n"), 1);
    scene_finish(s);
}

Test(collector_daemon, overlap_kill_that_takes_too_long_costs_slots)
{
    struct scene *s = scene_prepare("trap '' TERM; while :; do sleep 0.05; done", 100 * MS);
    const struct schedule *sched;

    s->conf.overlap = OVERLAP_KILL;
    s->conf.grace = 350 * MS;
    scene_go(s);
    TURN_UNTIL(s, s->nended >= 3);
    sched = &s->collector->sched;
    cr_assert(sched->missed[MISS_OVERLAP] >= 4);
    cr_assert_eq(sched->slots, sched->runs + sched->waiting + sched->missed[MISS_OVERLAP] +
                                   sched->missed[MISS_LATE]);
    cr_assert(times_logged(s, "the previous run is still going\n") >= 1);
    scene_finish(s);
}

Test(collector_daemon, stop_while_a_slot_waits)
{
    struct scene *s = scene_prepare("trap '' TERM; while :; do sleep 0.05; done", 100 * MS);
    int started;

    s->conf.overlap = OVERLAP_KILL;
    s->conf.grace = 300 * MS;
    scene_go(s);
    TURN_UNTIL(s, s->collector->sched.waiting);
    started = s->nstarted;
    scene_finish(s);
    cr_assert_eq(s->nstarted, started);
}

/* --- daemons --- */

Test(collector_daemon, a_daemon_starts_at_once_and_again_for_ever)
{
    struct scene *s = scene_begin_daemon("echo up; exit 0", 3600 * NS_PER_S, 0);
    int64_t from = clock_mono();

    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(clock_mono() - from < 2 * NS_PER_S, "no slot is waited for");
    cr_assert_eq(s->started[0], 0);
    cr_assert_eq(s->ended[0].slot_ns, 0);
    TURN_UNTIL(s, s->nended >= 3);
    cr_assert(clock_mono() - from >= 3 * NS_PER_S / 2, "pauses grow from half a second on");
    cr_assert_eq(stats_of(s).restarts, (uint64_t)s->nended - 1);
    cr_assert_eq(times_logged(s, "probe: exit status 0; starting it again in "), s->nended);
    scene_finish(s);
}

Test(collector_daemon, a_daemon_that_cannot_run_is_tried_again)
{
    struct scene *s;

    scene.command[0] = "/nonexistent/collector";
    s = scene_begin_daemon(NULL, NS_PER_S, 0);
    TURN_UNTIL(s, s->nended >= 2);
    cr_assert_eq(stats_of(s).outcomes[OUTCOME_SPAWN], (uint64_t)s->nended);
    cr_assert_eq(stats_of(s).runs, 0);
    cr_assert_eq(times_logged(s, "cannot run /nonexistent/collector: it does not exist; "
                                 "starting it again in "),
                 s->nended);
    scene_finish(s);
}

Test(collector_daemon, a_daemon_without_descriptors_is_tried_again)
{
    struct scene *s = scene_prepare("exec sleep 1000", NS_PER_S);
    struct rlimit old, none;
    int lowest_free = dup(0);

    (void)getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){(rlim_t)lowest_free, old.rlim_max};
    (void)close(lowest_free);
    s->conf.mode = MODE_DAEMON;
    scene_go(s);
    (void)setrlimit(RLIMIT_NOFILE, &none);
    TURN_UNTIL(s, s->nended >= 2);
    (void)setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(s->ended[0].report.failure.error, EMFILE);
    TURN_UNTIL(s, run_alive(&s->collector->run));
    scene_finish(s);
}

Test(collector_daemon, a_silent_daemon_is_restarted_and_one_that_speaks_is_not)
{
    struct scene *s = scene_begin_daemon("exec sleep 1000", 100 * MS, 400 * MS);
    int64_t until = clock_mono() + NS_PER_S;

    while (clock_mono() < until) {
        s->accepted++;
        (void)loop_turn(s->loop, 20 * MS);
    }
    cr_assert_eq(s->nended, 0, "one that speaks is left alone");
    cr_assert(stats_of(s).last_success_ns > 0);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert(clock_mono() - until >= 400 * MS - 50 * MS);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_SILENCE);
    cr_assert_eq(times_logged(s, "probe: ended after 0.4s without a metric; starting it again"), 1);
    TURN_UNTIL(s, run_alive(&s->collector->run));
    scene_finish(s);
}

Test(collector_daemon, a_daemon_can_be_stopped_in_any_state)
{
    struct scene *s = scene_begin_daemon("exec sleep 1000", NS_PER_S, 0);

    scene_finish(s); /* before its first life */
    cr_assert_eq(s->nstarted, 0);
    scene = (struct scene){0};
    s = scene_begin_daemon("exec sleep 1000", NS_PER_S, 0);
    TURN_UNTIL(s, run_alive(&s->collector->run));
    scene_finish(s);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_STOPPED);
    scene = (struct scene){0};
    s = scene_begin_daemon("exit 1", NS_PER_S, 0);
    TURN_UNTIL(s, s->nended == 1);
    scene_finish(s); /* between two lives */
    cr_assert_eq(s->nstarted, 1);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    cr_assert_eq(errno, ECHILD);
}

/* --- no processes --- */

Test(collector_daemon, no_processes_cost_a_slot_each_and_nothing_else)
{
    enum { NOBODY_ELSE = 61234 };
    struct scene *s;
    struct rlimit limit;
    pid_t nursery;
    int before;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(NOBODY_ELSE, NOBODY_ELSE, NOBODY_ELSE), 0);
    before = open_descriptors("self");
    s = scene_begin("exit 0", 100 * MS);
    TURN_UNTIL(s, s->nended >= 1);
    (void)getrlimit(RLIMIT_NPROC, &limit);
    nursery = scene_nursery(s);
    for (int keeper = 0; keeper < 2; keeper++) { /* no keeper; a keeper that cannot fork */
        const struct rlimit none = {1, limit.rlim_max};
        int ended;
        pid_t who;

        if (keeper)
            TURN_UNTIL(s, s->keepers.nidle == 1);
        else
            scene_without_keepers(s);
        ended = s->nended;
        who = nursery;
        if (keeper)
            cr_assert_eq(scene_keepers(s, &who, 1), 1);
        cr_assert_eq(prlimit(who, RLIMIT_NPROC, &none, NULL), 0);
        TURN_UNTIL(s, s->nended >= ended + 3);
        cr_assert_eq(prlimit(who, RLIMIT_NPROC, &limit, NULL), 0);
        cr_assert_eq(last_run(s)->outcome, OUTCOME_SPAWN);
        cr_assert_eq(last_run(s)->report.failure.error, EAGAIN);
    }
    cr_assert(s->collector->sched.missed[MISS_SPAWN] >= 5);
    cr_assert(times_logged(s, "cannot run /bin/sh: Resource temporarily unavailable\n") >= 1);
    TURN_UNTIL(s, s->nended > 0 && last_run(s)->outcome == OUTCOME_OK);
    scene_finish(s);
    cr_assert_eq(open_descriptors("self"), before);
}
