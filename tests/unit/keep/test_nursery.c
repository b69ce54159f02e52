/* tests/unit/keep/test_nursery.c - keep/nursery.h, real processes: what keepers leave is its own, and comes to an end; who
 * dies is replaced
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "collect/keeper.h"
#include "keep/nursery.h"
#include "rig/keeper_run.h"

static const struct nursery_work work = {.runs = keeper_keep_runs};

/* It can do what a nursery can, and most cases have no other. */
static pid_t guard;
static int control;
static uint32_t last_id;

static void begin(void)
{
    guard = nursery_start(&work, &control);
    cr_assert_gt(guard, 0);
}

static void end(void)
{
    int status = -1;

    fd_close(&control);
    cr_assert_eq(waitpid(guard, &status, 0), guard);
    cr_assert_eq(status, 0);
}

static int keepers_of(pid_t nursery)
{
    return processes_under(nursery, "garnetd-keep", NULL, 0);
}

/* Asks for a keeper. Its id. */
static uint32_t ask_for_keeper(int nursery, struct run *r)
{
    int pair[2];

    cr_assert_eq(keeping_pair(pair), 0);
    *r = (struct run){.control = pair[0], .out = -1};
    cr_assert_eq(nursery_ask(nursery, NURSERY_RUNS, ++last_id, pair[1]), 0);
    fd_close(&pair[1]);
    return last_id;
}

/* A run under a keeper that is asked for. */
static uint32_t begin_run_under(int nursery, struct run *r, const char *script)
{
    uint32_t id = ask_for_keeper(nursery, r);

    next_run(r, script);
    return id;
}

static uint32_t begin_run(struct run *r, const char *script)
{
    return begin_run_under(control, r, script);
}

/* Another one, whose guard the first is. Its socket. */
static int begin_nursery(int its_guard)
{
    int pair[2];

    cr_assert_eq(keeping_pair(pair), 0);
    cr_assert_eq(nursery_ask(its_guard, NURSERY_WISH, 0, pair[1]), 0);
    fd_close(&pair[1]);
    return pair[0];
}

static void close_run(struct run *r)
{
    fd_close(&r->control);
    fd_close(&r->out);
}

TestSuite(nursery, .timeout = 60);

Test(nursery, its_keepers_end_as_they_are_let_go)
{
    struct run a, b;

    begin();
    (void)begin_run(&a, "echo up; exec sleep 1000");
    wait_said(&a, "up");
    (void)begin_run(&b, "exit 3");
    WAIT_FOR(keepers_of(guard) == 2);
    take_report(&b);
    cr_assert_eq(WEXITSTATUS(b.report.status), 3);
    fd_close(&b.control);
    WAIT_FOR(keepers_of(guard) == 1);
    keeper_stop(a.control);
    take_report(&a);
    fd_close(&a.control);
    WAIT_FOR(keepers_of(guard) == 0);
    end();
}

/* Whatever it was at, and whoever kills it; the keeper beside it is left alone. */
Test(nursery, what_a_killed_keeper_kept_is_killed)
{
    static const char tree[] =
        "trap '' TERM; setsid -f sh -c '(setsid -f sleep 1000); sleep 1000'; sleep 1000 & "
        "echo up; sleep 1000";
    char other[sizeof keeper_rig.mark];
    struct run a, b;
    pid_t one, two[2];
    uint32_t id;

    begin();
    (void)begin_run(&a, "echo up; exec sleep 1000");
    wait_said(&a, "up");
    one = process_under(guard, "garnetd-keep");
    memcpy(other, keeper_rig.mark, sizeof other);
    for (int asked = 0; asked < 2; asked++) {
        id = begin_run(&b, tree);
        wait_said(&b, "up");
        WAIT_FOR(processes_marked(keeper_rig.mark) >= 4);
        cr_assert_eq(processes_under(guard, "garnetd-keep", two, 2), 2);
        if (asked)
            cr_assert_eq(nursery_ask(control, NURSERY_KILL, id, -1), 0);
        else
            cr_assert_eq(kill(two[0] == one ? two[1] : two[0], SIGKILL), 0);
        WAIT_FOR(processes_marked(keeper_rig.mark) == 0);
        (void)keeping_pid(b.control);
        WAIT_FOR(keeping_gone(b.control));
        cr_assert_not(keeper_report(b.control, &b.report));
        close_run(&b);
    }
    cr_assert_eq(processes_marked(other), 1);
    WAIT_FOR(processes_marked(keeper_rig.mark) == 0); /* who was just calling exec showed no mark */
    keeper_stop(a.control);
    take_report(&a);
    fd_close(&a.control);
    end();
}

/* Each of them lives for a fork and an exit. */
Test(nursery, a_chain_that_a_killed_keeper_kept_is_killed)
{
    struct run r;

    begin();
    (void)begin_run(&r, "exec perl -MPOSIX -e '$| = 1; if (fork()) { sleep 1000 } POSIX::setsid();"
                        "for (my $i = 0; ; $i++) { my $pid = fork(); POSIX::_exit(0) if $pid;"
                        " POSIX::setsid(); print \"far\\n\" if $i == 100 }'");
    wait_said(&r, "far");
    cr_assert_eq(kill(process_under(guard, "garnetd-keep"), SIGKILL), 0);
    WAIT_FOR(processes_marked(keeper_rig.mark) == 0);
    close_run(&r);
    end();
}

Test(nursery, garnetd_goes_and_nothing_stays)
{
    int status;
    struct run r;

    begin();
    (void)begin_run(&r, "trap '' TERM; setsid -f sleep 1000; echo up; while :; do sleep 1; done");
    wait_said(&r, "up");
    fd_close(&control);
    close_run(&r);
    cr_assert_eq(waitpid(guard, &status, 0), guard);
    cr_assert_eq(status, 0);
    cr_assert_eq(processes_marked(keeper_rig.mark), 0);
}

Test(nursery, a_keeper_that_cannot_be_had_is_reported)
{
    struct rlimit none;
    struct run r;
    int error = 0;

    if (getuid() != 0)
        cr_skip_test("needs to become a user that has no other process");
    cr_assert_eq(setresuid(61235, 61235, 61235), 0);
    begin();
    (void)getrlimit(RLIMIT_NPROC, &none);
    none.rlim_cur = 1;
    cr_assert_eq(prlimit(guard, RLIMIT_NPROC, &none, NULL), 0);
    (void)ask_for_keeper(control, &r); /* it may be refused before a job could be sent */
    WAIT_FOR(error != 0 || (error = keeping_refused(r.control)) != 0);
    cr_assert_eq(error, EAGAIN);
    WAIT_FOR(keeping_gone(r.control));
    close_run(&r);
    end();
}

Test(nursery, holds_nothing_but_its_socket)
{
    char pid[16];
    struct run r;

    begin();
    for (int i = 0; i < 20; i++) {
        (void)begin_run(&r, "exit 0");
        take_report(&r);
        fd_close(&r.control);
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)guard);
    WAIT_FOR(open_descriptors(pid) == 4);
    cr_assert_eq(getsid(guard), guard, "out of a terminal's reach");
    end();
}

static const char LONG_TREE[] = "trap '' TERM; setsid -f sleep 1000; echo up; sleep 1000; exit 3";

/* With a nursery under the guard, *its pid, and a run there of which all lives. The nursery's socket. */
static int begin_with_nursery(struct run *r, pid_t *its)
{
    int nursery;

    begin();
    nursery = begin_nursery(control);
    (void)begin_run_under(nursery, r, LONG_TREE);
    wait_said(r, "up");
    *its = process_under(guard, "garnetd-nursery");
    return nursery;
}

/* Its run goes on under its keeper, which is the guard's; who kills that leaves nothing either. */
Test(nursery, the_guard_inherits_from_a_killed_nursery)
{
    struct run r, other;
    pid_t first;
    int nursery = begin_with_nursery(&r, &first), next;

    cr_assert_eq(keepers_of(first), 1);
    (void)kill(first, SIGKILL);
    next = begin_nursery(control); /* it may not know yet */
    WAIT_FOR(keepers_of(guard) == 1);
    (void)begin_run_under(next, &other, "exit 4");
    take_report(&other);
    cr_assert_eq(WEXITSTATUS(other.report.status), 4);
    cr_assert_eq(keepers_of(process_under(guard, "garnetd-nursery")), 1);
    cr_assert_eq(processes_marked(r.mark), 3, "all of it lives");
    (void)kill(process_under(guard, "garnetd-keep"), SIGKILL);
    WAIT_FOR(processes_marked(r.mark) == 0);
    close_run(&r);
    fd_close(&other.control);
    fd_close(&nursery);
    fd_close(&next);
    end();
}

Test(nursery, the_guard_ends_and_wakes_what_it_has_inherited)
{
    struct run r[2];
    uint32_t ids[2];
    int nursery;
    pid_t pids[2];

    begin();
    nursery = begin_nursery(control);
    for (int i = 0; i < 2; i++) {
        ids[i] = begin_run_under(nursery, &r[i], LONG_TREE);
        wait_said(&r[i], "up");
    }
    (void)kill(process_under(guard, "garnetd-nursery"), SIGKILL);
    WAIT_FOR(processes_under(guard, "garnetd-keep", pids, 2) == 2);
    cr_assert_eq(nursery_ask(control, NURSERY_KILL, ids[0], -1), 0);
    WAIT_FOR(processes_marked(r[0].mark) == 0);
    cr_assert_eq(processes_marked(r[1].mark), 3);
    WAIT_FOR(keepers_of(guard) == 1);
    (void)kill(process_under(guard, "garnetd-keep"), SIGSTOP);
    fd_close(&r[1].control);
    cr_assert_eq(nursery_ask(control, NURSERY_WAKE, ids[1], -1), 0);
    WAIT_FOR(processes_marked(r[1].mark) == 0);
    for (int i = 0; i < 2; i++)
        close_run(&r[i]);
    fd_close(&nursery);
    end();
}

/* Though the guard may not have seen its end: what it is asked for next finds the keepers with it. */
Test(nursery, one_that_is_lost_is_taken_over_at_once)
{
    struct run r;
    pid_t first;
    int nursery = begin_with_nursery(&r, &first);

    (void)kill(process_under(first, "garnetd-keep"), SIGSTOP);
    (void)kill(first, SIGSTOP); /* as near to its end as it can be without being there */
    cr_assert_eq(nursery_ask(control, NURSERY_LOST, 0, -1), 0);
    cr_assert_eq(nursery_ask(control, NURSERY_KILL, last_id, -1), 0);
    WAIT_FOR(processes_marked(r.mark) == 0);
    WAIT_FOR(keepers_of(guard) == 0);
    close_run(&r);
    fd_close(&nursery);
    end();
}

/* A nursery that is dead, and whose end cannot be seen: for once that lasts. What is killed meanwhile is not its keepers. */
Test(nursery, the_guard_spares_the_keepers_of_one_that_dies_as_it_looks)
{
    struct run r, lost;
    pid_t first;
    int nursery = begin_with_nursery(&r, &first), held;

    (void)begin_run(&lost, LONG_TREE);
    wait_said(&lost, "up");
    held = process_hold(first);
    if (held < 0)
        cr_skip_test("may not trace a process that is not its child");
    (void)kill(first, SIGKILL);
    WAIT_FOR(keepers_of(guard) == 2);
    cr_assert_eq(nursery_ask(control, NURSERY_KILL, last_id, -1), 0);
    WAIT_FOR(processes_marked(lost.mark) == 0);
    WAIT_FOR(keepers_of(guard) == 1);
    cr_assert_eq(processes_marked(r.mark), 3);
    fd_close(&held);
    close_run(&r);
    close_run(&lost);
    fd_close(&nursery);
    end();
    cr_assert_eq(processes_marked(r.mark), 0);
}

/* Nobody else is there to tell them to go on. */
Test(nursery, who_is_stopped_when_garnetd_goes_ends_as_well)
{
    struct run r;
    int nursery;
    pid_t first;

    begin();
    nursery = begin_nursery(control);
    (void)begin_run_under(nursery, &r, LONG_TREE);
    wait_said(&r, "up");
    first = process_under(guard, "garnetd-nursery");
    (void)kill(process_under(first, "garnetd-keep"), SIGSTOP);
    (void)kill(first, SIGSTOP);
    close_run(&r);
    fd_close(&nursery);
    fd_close(&control);
    WAIT_FOR(processes_marked(r.mark) == 0);
    end();
}

/* It has the nursery's keepers then, and its own socket: garnetd goes, and so do all. */
Test(nursery, one_whose_guard_is_killed_is_a_guard)
{
    struct run r, other;
    int nursery, next, status;
    pid_t first;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    begin();
    nursery = begin_nursery(control);
    (void)begin_run_under(nursery, &r, LONG_TREE);
    wait_said(&r, "up");
    first = process_under(guard, "garnetd-nursery");
    (void)kill(guard, SIGKILL);
    cr_assert_eq(waitpid(guard, NULL, 0), guard);
    fd_close(&control);
    next = begin_nursery(nursery);
    (void)begin_run_under(next, &other, LONG_TREE);
    wait_said(&other, "up");
    (void)kill(process_under(first, "garnetd-nursery"), SIGKILL);
    WAIT_FOR(keepers_of(first) == 2);
    WAIT_FOR(processes_marked(other.mark) == 3); /* one that is at its exec shows no mark */
    fd_close(&nursery);
    fd_close(&next);
    close_run(&r);
    close_run(&other);
    cr_assert_eq(waitpid(first, &status, 0), first);
    cr_assert_eq(status, 0);
    cr_assert_eq(processes_marked(r.mark) + processes_marked(other.mark), 0);
}
