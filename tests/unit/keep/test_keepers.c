/* tests/unit/keep/test_keepers.c - keep/keepers.h by a collector whose keepers and nursery are killed, stopped and used
 * again
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "rig/collector_scene.h"
#include "rig/processes.h"

static char mark[64];

/* What the collector starts is marked. */
static struct scene *begin(const char *script)
{
    (void)snprintf(mark, sizeof mark, "keepers-%d", (int)getpid());
    (void)setenv("TMPDIR", mark, 1); /* one of those passed on */
    return scene_begin(script, 100 * MS);
}

static pid_t only_keeper(const struct scene *s)
{
    return process_under(scene_nursery(s), "garnetd-keep");
}

TestSuite(keepers, .timeout = 60);

Test(keepers, one_is_used_for_one_run_after_the_other)
{
    struct scene *s = begin("echo of $PPID");
    char text[64];

    TURN_UNTIL(s, s->nended >= 3);
    (void)snprintf(text, sizeof text, ": of %d\n", (int)only_keeper(s));
    cr_assert_geq(times_logged(s, text), 3);
    cr_assert_eq(s->keepers.last_id, 1);
    scene_finish(s);
}

Test(keepers, one_that_is_killed_while_idle_costs_no_run)
{
    struct scene *s = begin("exit 0");

    for (int i = 0; i < 5; i++) {
        int ended = s->nended;

        TURN_UNTIL(s, s->nended > ended && s->keepers.nidle == 1);
        (void)kill(only_keeper(s), SIGKILL);
    }
    TURN_UNTIL(s, s->nended >= 8);
    cr_assert_eq(failures(s), 0);
    scene_finish(s);
}

/* Its run goes on, and is told from others to its end; nobody uses that keeper again. */
Test(keepers, a_nursery_that_dies_costs_no_run)
{
    struct scene *s = begin("echo up $PPID; sleep 0.5; exit 4");
    pid_t nursery, old;

    TURN_UNTIL(s, times_logged(s, ": up ") == 1);
    nursery = scene_nursery(s);
    old = only_keeper(s);
    (void)kill(nursery, SIGKILL);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_EXIT);
    cr_assert_eq(WEXITSTATUS(s->ended[0].report.status), 4);
    cr_assert_eq(times_logged(s, "the nursery has died"), 1);
    TURN_UNTIL(s, s->nended >= 2);
    cr_assert_eq(s->ended[1].outcome, OUTCOME_EXIT);
    cr_assert_neq(scene_nursery(s), nursery);
    cr_assert_neq(only_keeper(s), old);
    TURN_UNTIL(s, kill(old, 0) < 0);
    scene_finish(s);
    cr_assert_eq(processes_marked(mark), 0);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
}

Test(keepers, what_a_killed_keeper_of_a_dead_nursery_kept_is_killed)
{
    struct scene *s = begin("setsid -f sleep 1000; echo up; exec sleep 1000");
    pid_t old;

    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    old = only_keeper(s);
    (void)kill(scene_nursery(s), SIGKILL);
    TURN_UNTIL(s, times_logged(s, "the nursery has died") == 1);
    cr_assert_eq(processes_marked(mark), 2);
    (void)kill(old, SIGSTOP); /* else it might have ended all before the KILL */
    collector_stop(s->collector);
    (void)kill(old, SIGKILL);
    TURN_UNTIL(s, s->ngone == 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_LOST);
    WAIT_FOR(processes_marked(mark) == 0);
    keepers_free(&s->keepers, clock_mono() + LONG);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
}

/* The nursery is the guard then, and has another one; what it has had goes on. */
Test(keepers, a_guard_that_dies_costs_no_run)
{
    struct scene *s;
    pid_t nursery, next = 0;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    s = begin("echo up; sleep 0.5; exit 4");
    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    nursery = scene_nursery(s);
    (void)kill(s->keepers.child.pid, SIGKILL);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_EXIT);
    cr_assert_eq(times_logged(s, "the nursery's guard has died"), 1);
    TURN_UNTIL(s, s->nended >= 3 && processes_under(nursery, "garnetd-nursery", &next, 1) == 1);
    cr_assert_eq(s->keepers.child.pid, 0);
    cr_assert_eq(failures(s), (uint64_t)s->nended, "by their own exit status");
    (void)kill(next, SIGKILL); /* it is replaced by the one that was the first */
    TURN_UNTIL(s, s->nended >= 6);
    cr_assert_eq(stats_of(s).outcomes[OUTCOME_EXIT], (uint64_t)s->nended);
    scene_finish(s);
    cr_assert_eq(processes_marked(mark), 0);
    WAIT_FOR(waitpid(-1, NULL, WNOHANG) < 0);
}

/* What it has had of a dead nursery is below nobody of ours then. */
Test(keepers, what_a_dead_guard_had_taken_over_ends)
{
    struct scene *s;
    pid_t nursery, old, next = 0;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    s = begin("setsid -f sleep 1000; echo up; exec sleep 1000");
    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    old = only_keeper(s);
    nursery = scene_nursery(s);
    (void)kill(nursery, SIGKILL);
    TURN_UNTIL(s, processes_under(s->keepers.child.pid, "garnetd-nursery", &next, 1) == 1 &&
                      next != nursery);
    cr_assert_eq(s->nended, 0);
    (void)kill(s->keepers.child.pid, SIGKILL);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_LOST);
    WAIT_FOR(kill(old, 0) < 0 || waitpid(old, NULL, WNOHANG) == old);
    scene_finish(s);
    WAIT_FOR(processes_marked(mark) == 0);
}

/* So a guard is made of garnetd as it is then. */
Test(keepers, both_that_die_are_replaced)
{
    struct scene *s;
    pid_t guard, nursery;
    int ended;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    s = begin("exit 0");
    TURN_UNTIL(s, s->nended >= 1);
    guard = s->keepers.child.pid;
    nursery = scene_nursery(s);
    (void)kill(guard, SIGSTOP); /* it does not come to replace that */
    (void)kill(nursery, SIGKILL);
    (void)kill(guard, SIGKILL);
    TURN_UNTIL(s, s->keepers.child.pid != 0 && s->keepers.child.pid != guard);
    ended = s->nended;
    TURN_UNTIL(s, s->nended >= ended + 3);
    cr_assert_neq(scene_nursery(s), nursery);
    cr_assert_geq(stats_of(s).outcomes[OUTCOME_OK] + 1, (uint64_t)s->nended,
                  "but for one that was under way when both died");
    scene_finish(s);
}

/* That the guard is dead is seen as it is asked for another nursery: that is no reason to refuse anything. */
Test(keepers, a_dead_guard_refuses_nothing)
{
    struct scene *s;
    pid_t guard;
    siginfo_t si;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    s = begin("exit 0");
    TURN_UNTIL(s, s->nended >= 1);
    guard = s->keepers.child.pid;
    (void)kill(guard, SIGSTOP);
    (void)kill(scene_nursery(s), SIGKILL);
    s->keepers.began = clock_mono(); /* so there is a pause */
    TURN_UNTIL(s, times_logged(s, "the nursery has died") == 1);
    (void)kill(guard, SIGKILL);
    cr_assert_eq(waitid(P_PID, (id_t)guard, &si, WEXITED | WNOWAIT), 0);
    WAIT_FOR(clock_mono() > s->keepers.began + NS_PER_S + 100 * MS);
    TURN_UNTIL(s, s->keepers.child.pid != 0 && s->keepers.child.pid != guard);
    cr_assert_lt(clock_mono(), s->keepers.began + NS_PER_S, "at once");
    TURN_UNTIL(s, s->nended >= 5);
    cr_assert_eq(times_logged(s, "cannot start the nursery"), 0);
    cr_assert_eq(failures(s), 0);
    scene_finish(s);
}

/* A run waits for a keeper. How many had ended before. */
static int ask_a_stopped_nursery(struct scene *s)
{
    int ended;

    TURN_UNTIL(s, s->nended >= 1);
    scene_without_keepers(s);
    (void)kill(scene_nursery(s), SIGSTOP);
    ended = s->nended;
    TURN_UNTIL(s, run_alive(&s->collector->run));
    return ended;
}

/* It has been asked for keepers that it never read of: what has not begun is asked for again. */
Test(keepers, a_nursery_that_dies_with_what_it_was_asked_for_costs_no_run)
{
    struct scene *s = begin("exit 0");
    int ended = ask_a_stopped_nursery(s);

    (void)kill(scene_nursery(s), SIGKILL);
    TURN_UNTIL(s, s->nended >= ended + 3);
    cr_assert_eq(failures(s), 0);
    cr_assert_eq(s->collector->sched.missed[MISS_SPAWN], 0);
    scene_finish(s);
}

/* It is stopped, so that it has not read the job: the run never was, the second try neither. */
Test(keepers, one_that_is_killed_before_it_has_begun_is_asked_for_again_once)
{
    struct scene *s = begin("exit 0");

    for (int times = 1; times <= 2; times++) {
        int ended, id;

        TURN_UNTIL(s, s->nended >= 1 && s->keepers.nidle == 1);
        (void)kill(only_keeper(s), SIGSTOP);
        ended = s->nended;
        TURN_UNTIL(s, run_alive(&s->collector->run));
        if (times == 2)
            (void)kill(scene_nursery(s), SIGSTOP);
        id = (int)s->keepers.last_id;
        (void)kill(only_keeper(s), SIGKILL);
        TURN_UNTIL(s, (int)s->keepers.last_id == id + 1);
        if (times == 2) /* and with it what it has been asked for */
            (void)kill(scene_nursery(s), SIGKILL);
        TURN_UNTIL(s, s->nended > ended);
        cr_assert_eq(s->ended[ended].outcome, times == 2 ? OUTCOME_SPAWN : OUTCOME_OK);
    }
    cr_assert_eq(times_logged(s, "it has lost its keeper"), 1);
    TURN_UNTIL(s, last_run(s)->outcome == OUTCOME_OK);
    cr_assert_eq(failures(s), 1);
    scene_finish(s);
}

/* What it is told is an error of that one run. */
Test(keepers, a_nursery_that_cannot_be_asked_costs_that_run)
{
    struct scene *s = begin("exit 0");
    int control, null, ended;

    TURN_UNTIL(s, s->nended >= 1);
    scene_without_keepers(s);
    control = s->keepers.nursery.control;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    ended = dup(control);
    cr_assert(null >= 0 && ended >= 0);
    cr_assert_eq(dup2(null, control), control);
    null = ended;
    ended = s->nended;
    TURN_UNTIL(s, s->nended >= ended + 2);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_SPAWN);
    cr_assert_eq(last_run(s)->report.failure.error, ENOTSOCK);
    cr_assert_eq(s->keepers.nasked, 0);
    cr_assert_eq(dup2(null, control), control);
    fd_close(&null);
    TURN_UNTIL(s, last_run(s)->outcome == OUTCOME_OK);
    scene_finish(s);
}

/* Whatever one user does to a keeper that is his own is nobody else's. */
Test(keepers, each_user_has_his_own)
{
    struct scene *s = begin("exit 0");

    for (int i = 0; i < 6; i++) {
        int ended = s->nended;

        TURN_UNTIL(s, !run_alive(&s->collector->run) && s->nended > ended);
        s->conf.identity.uid = i % 2 ? (uid_t)-1 : 1;
        s->conf.identity.gid = i % 2 ? (gid_t)-1 : 1;
    }
    TURN_UNTIL(s, s->keepers.nidle == 2);
    cr_assert_eq(s->keepers.last_id, 2, "one each");
    scene_finish(s);
}

/* What is given up for good for the one sort is had by the other. */
Test(keepers, those_with_no_new_privs_have_their_own)
{
    struct scene *s = begin("grep -c 'CapBnd:\t0000000000000000' /proc/self/status");
    int emptied[2] = {0, 0};

    for (int i = 0; i < 6; i++) {
        int ended = s->nended, before = times_logged(s, "]: 1\n");

        s->conf.no_new_privs = i % 2;
        TURN_UNTIL(s, !run_alive(&s->collector->run) && s->nended > ended);
        emptied[i % 2] += times_logged(s, "]: 1\n") - before;
        TURN_UNTIL(s, s->keepers.nidle >= 1);
    }
    cr_assert_eq(s->keepers.last_id, 2, "one each");
    if (geteuid() == 0)
        cr_assert(emptied[0] == 0 && emptied[1] >= 2, "%d %d", emptied[0], emptied[1]);
    scene_finish(s);
}

Test(keepers, those_that_are_stopped_are_told_to_go_on)
{
    struct scene *s = begin("exit 0");

    for (int nursery = 0; nursery < 2; nursery++) {
        int ended;

        TURN_UNTIL(s, s->nended >= 1);
        if (nursery)
            scene_without_keepers(s);
        else
            TURN_UNTIL(s, s->keepers.nidle == 1);
        (void)kill(nursery ? scene_nursery(s) : only_keeper(s), SIGSTOP);
        ended = s->nended;
        TURN_UNTIL(s, s->nended >= ended + 2);
        cr_assert_eq(times_logged(s, "the run has not begun for 5s"), 1 + nursery);
    }
    cr_assert_eq(failures(s), 0);
    scene_finish(s);
}

/* It would be left for ever: nobody else knows of it. */
Test(keepers, a_stopped_nursery_ends_with_garnetd)
{
    struct scene *s = begin("exit 0");
    pid_t nursery;

    TURN_UNTIL(s, s->nended >= 1);
    nursery = scene_nursery(s);
    (void)kill(nursery, SIGSTOP);
    (void)kill(s->keepers.child.pid, SIGSTOP);
    scene_finish(s);
    cr_assert_lt(kill(nursery, 0), 0);
}

Test(keepers, a_nursery_that_is_stopped_delays_what_it_is_asked_for)
{
    struct scene *s = begin("exit 0");
    int ended = ask_a_stopped_nursery(s);

    TURN_UNTIL(s, s->collector->sched.missed[MISS_OVERLAP] >= 3);
    cr_assert_eq(s->nended, ended);
    (void)kill(scene_nursery(s), SIGCONT);
    TURN_UNTIL(s, s->nended >= ended + 2);
    cr_assert_eq(failures(s), 0);
    scene_finish(s);
}

/* One that is stopped, one whose nursery has died, one that obeys. */
Test(keepers, a_run_that_is_abandoned_ends)
{
    for (int how = 0; how < 3; how++) {
        struct scene *s = begin("trap '' TERM; echo up; while :; do sleep 0.1; done");

        TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
        if (how > 0)
            (void)kill(only_keeper(s), SIGSTOP);
        if (how > 1) {
            (void)kill(scene_nursery(s), SIGKILL);
            TURN_UNTIL(s, times_logged(s, "the nursery has died") == 1);
        }
        collector_stop(s->collector);
        run_abandon(&s->collector->run);
        cr_assert_eq(s->ngone, 1);
        cr_assert_eq(s->ended[0].outcome, OUTCOME_LOST);
        WAIT_FOR(processes_marked(mark) == 0);
        keepers_free(&s->keepers, clock_mono() + LONG);
        cr_assert_eq(processes_marked(mark), 0, "%d", how);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
        loop_free(s->loop);
        scene = (struct scene){0};
    }
}

/* With a run that is not seen to end until *held is closed. */
static struct scene *begin_held(int *held)
{
    struct scene *s = begin("echo up; exec sleep 1000");

    TURN_UNTIL(s, times_logged(s, "]: up\n") == 1);
    *held = process_hold(s->collector->run.pid);
    if (*held < 0) {
        scene_finish(s);
        cr_skip_test("may not trace a process that is not its child");
    }
    return s;
}

Test(keepers, a_run_that_KILL_does_not_end_is_said_and_counted)
{
    int held;
    struct scene *s = begin_held(&held);

    run_end(&s->collector->run, ENDING_STOP);
    TURN_UNTIL(s, times_logged(s, "collector probe: KILL has not ended all of its run (process ") ==
                      1);
    cr_assert_eq(s->collector->run.unkillable, 1);
    cr_assert_eq(s->nended, 0);
    fd_close(&held);
    TURN_UNTIL(s, s->nended >= 1);
    cr_assert_eq(times_logged(s, "the run that hung in the kernel has ended\n"), 1);
    cr_assert_eq(s->ended[0].outcome, OUTCOME_STOPPED);
    scene_finish(s);
}

/* Its keeper is the nursery's to wait for then, also beyond garnetd's end. */
Test(keepers, a_run_that_KILL_does_not_end_can_be_left_behind)
{
    int held;
    struct scene *s = begin_held(&held);

    collector_stop(s->collector);
    TURN_UNTIL(s, times_logged(s, "KILL has not ended all of its run (process ") == 1);
    run_abandon(&s->collector->run);
    cr_assert_eq(s->ngone, 1);
    cr_assert_eq(times_logged(s, "which hangs in the kernel, is left behind"), 1);
    keepers_free(&s->keepers, clock_mono() + 50 * MS);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), 0, "the nursery waits");
    fd_close(&held);
    cr_assert_gt(waitpid(-1, NULL, 0), 0);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
}

Test(keepers, a_nursery_that_cannot_be_started_costs_runs_until_it_can)
{
    struct scene *s;
    struct rlimit limit, none;
    int ended;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(61236, 61236, 61236), 0);
    s = begin("exit 0");
    TURN_UNTIL(s, s->nended >= 1);
    (void)getrlimit(RLIMIT_NPROC, &limit);
    none = (struct rlimit){1, limit.rlim_max};
    cr_assert_eq(prlimit(s->keepers.child.pid, RLIMIT_NPROC, &none, NULL), 0);
    (void)kill(scene_nursery(s), SIGKILL);
    TURN_UNTIL(s, times_logged(s, "cannot start the nursery: ") == 1);
    ended = s->nended;
    TURN_UNTIL(s, s->nended >= ended + 3);
    cr_assert_eq(last_run(s)->outcome, OUTCOME_SPAWN);
    cr_assert_eq(last_run(s)->report.failure.error, EAGAIN);
    cr_assert_eq(times_logged(s, "cannot start the nursery: "), 1, "once");
    cr_assert_eq(prlimit(s->keepers.child.pid, RLIMIT_NPROC, &limit, NULL), 0);
    TURN_UNTIL(s, last_run(s)->outcome == OUTCOME_OK);
    cr_assert_eq(times_logged(s, "the nursery has been started"), 1);
    scene_finish(s);
}
