/* tests/unit/collect/test_keeper.c - collect/keeper.h with real processes: how runs end, and that nothing is
 * left of them
 *
 * Not here: a working directory that hangs (it needs a network folder that is down).
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "rig/keeper_run.h"

TestSuite(keeper, .timeout = 60);

Test(keeper, exit_status)
{
    struct run r;

    run_to_end(&r, "exit 3", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert(WIFEXITED(r.report.status));
    cr_assert_eq(WEXITSTATUS(r.report.status), 3);
    cr_assert(r.report.duration_ns > 0);
    cr_assert(r.report.max_rss > 0);
}

Test(keeper, argv_is_passed_on_as_it_is)
{
    const char *argv[] = {"/usr/bin/printf", "[%s]", "a b", "$HOME;`id`", "/the/socket", NULL};
    struct run r;

    start_run_argv(&r, argv, "/", LONG, LONG);
    wait_said(&r, "[a b][$HOME;`id`][/the/socket]");
    finish_run(&r);
}

Test(keeper, working_directory_and_environment)
{
    struct run r;

    start_run(&r, "pwd; env | sort | tr '\\n' ' '; echo end", LONG, LONG);
    wait_said(&r, "/\n");
    finish_run(&r);
    start_run(&r, "env | grep -v -e ^_ -e ^PWD -e ^SHLVL -e ^OLDPWD | wc -l", LONG, LONG);
    wait_said(&r, "2\n");
    finish_run(&r);
}

Test(keeper, signal_death)
{
    struct run r;

    run_to_end(&r, "kill -SEGV $$", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert(killed_by(&r, SIGSEGV));
}

Test(keeper, cpu_time_counts_waited_for_children)
{
    struct run r;

    run_to_end(&r, "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; true", LONG, LONG);
    cr_assert(r.report.user_ns + r.report.system_ns > 10 * NS_PER_MS);
}

Test(keeper, timeout_is_a_TERM_to_the_group)
{
    struct run r;

    run_to_end(&r, "sleep 1000 & sleep 1000", 300 * NS_PER_MS, LONG);
    cr_assert_eq(r.report.end, KEEPER_TIMEOUT);
    cr_assert(killed_by(&r, SIGTERM));
    cr_assert(r.report.duration_ns >= 300 * NS_PER_MS);
    cr_assert(r.report.duration_ns < 20 * NS_PER_S);
}

Test(keeper, a_run_may_end_well_when_asked)
{
    struct run r;

    start_run(&r, "trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done", LONG, LONG);
    wait_said(&r, "up");
    keeper_stop(r.control);
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
    cr_assert(WIFEXITED(r.report.status));
    cr_assert_eq(WEXITSTATUS(r.report.status), 5);
}

Test(keeper, TERM_ignored_means_KILL_after_grace)
{
    struct run r;

    start_run(&r, "trap '' TERM; echo up; while :; do sleep 1000; done", LONG, 200 * NS_PER_MS);
    wait_said(&r, "up");
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
    cr_assert(killed_by(&r, SIGKILL));
    cr_assert(r.report.duration_ns >= 200 * NS_PER_MS);
}

/* Of a script that TERM does not end once it has begun: a TERM that was there before proves nothing. */
static void run_past_its_timeout(struct run *r, const char *script)
{
    int64_t timeout = NS_PER_S;

    do
        run_to_end(r, script, timeout, 200 * NS_PER_MS);
    while (killed_by(r, SIGTERM) && (timeout *= 3) < 20 * NS_PER_S);
}

Test(keeper, timeout_and_TERM_ignored)
{
    struct run r;

    run_past_its_timeout(&r, "trap '' TERM; while :; do sleep 1000; done");
    cr_assert_eq(r.report.end, KEEPER_TIMEOUT);
    cr_assert(killed_by(&r, SIGKILL));
}

Test(keeper, stopped_by_itself)
{
    struct run r;

    run_past_its_timeout(&r, "kill -STOP $$; sleep 1000");
    cr_assert_eq(r.report.end, KEEPER_TIMEOUT);
    cr_assert(killed_by(&r, SIGKILL));
}

Test(keeper, background_children_die_with_the_run)
{
    struct run r;

    run_to_end(&r, "i=0; while [ $i -lt 50 ]; do sleep 1000 & i=$((i+1)); done; exit 7", LONG,
               LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert_eq(WEXITSTATUS(r.report.status), 7);
    cr_assert(r.report.duration_ns < 20 * NS_PER_S);
}

Test(keeper, setsid_and_double_forks_die_with_the_run)
{
    struct run r;

    start_run(
        &r,
        "setsid -f sh -c '(setsid -f sleep 1000); (trap \"\" TERM HUP; sleep 1000 &)"
        " ; echo deep; sleep 1000'; while :; do sleep 0.01; [ -e /nonexistent ] || break; done;"
        " read x </dev/null; sleep 1000",
        LONG, LONG);
    wait_said(&r, "deep");
    cr_assert(processes_marked(keeper_rig.mark) >= 3);
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
}

Test(keeper, a_group_that_breeds_dies_with_the_run)
{
    struct run r;

    run_to_end(&r,
               "breed() { sh -c 'while :; do /bin/true & wait $!; done' & }; breed; breed; exit 0",
               LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
}

/* Each of these lives for a fork and an exit, in a session of its own, and is nobody's child but
 * the keeper's: it must be hit in that time. */
Test(keeper, a_chain_of_sessions_that_fork_and_exit_dies_with_the_run)
{
    struct run r;

    start_chain(&r);
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
}

/* 128 processes, each in a session of its own. */
Test(keeper, a_tree_that_grows_dies_with_the_run)
{
    const char *argv[] = {"/usr/bin/perl", "-MPOSIX", "-e",
                          "$| = 1; my $depth = 0;"
                          "while ($depth++ < 7) { fork() // last; POSIX::setsid(); }"
                          "print \"grown\\n\"; sleep 1000",
                          NULL};
    struct run r;

    start_run_argv(&r, argv, "/", LONG, 100 * NS_PER_MS);
    wait_said(&r, "grown");
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
}

Test(keeper, the_pid_comes_before_what_the_run_says)
{
    char pid[32];
    pid_t told;
    struct run r;

    start_run(&r, "echo up $$; exec sleep 1000", LONG, LONG);
    wait_said(&r, "up");
    told = keeping_pid(r.control);
    cr_assert(told > 0);
    (void)snprintf(pid, sizeof pid, "/proc/%d", (int)told);
    cr_assert_eq(access(pid, F_OK), 0);
    cr_assert_eq(keeping_pid(r.control), 0, "once");
    keeper_stop(r.control);
    finish_run(&r);
}

Test(keeper, the_report_counts_what_was_left_behind)
{
    struct run r;

    start_run(&r, "setsid -f sleep 1000; sleep 1000 & exit 4", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(WEXITSTATUS(r.report.status), 4);
    cr_assert_eq(r.report.left_behind, 2);
    start_run(&r, "sleep 0.01 & wait; exit 0", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(r.report.left_behind, 0);
}

/* The collector itself cannot: it leads its session. */
Test(keeper, leaving_the_group_does_not_help)
{
    const char *argv[] = {"/usr/bin/python3", "-c",
                          "import os, signal, time\n"
                          "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
                          "if os.fork() == 0:\n"
                          "    os.setpgid(0, 0)\n"
                          "    print('moved', flush=True)\n"
                          "time.sleep(1000)\n",
                          NULL};
    struct run r;

    start_run_argv(&r, argv, "/", LONG, 100 * NS_PER_MS);
    wait_said(&r, "moved");
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert(killed_by(&r, SIGKILL));
    cr_assert_eq(r.report.left_behind, 1);
}

Test(keeper, what_cannot_be_executed)
{
    char file[] = "/tmp/garnet-keeper-XXXXXX";
    const char *missing[] = {"/nonexistent/program", NULL}, *refused[] = {"/etc/passwd", NULL};
    const char *no_program[] = {file, NULL}, *good[] = {"/bin/true", NULL};
    struct run r;
    int fd = mkstemp(file);

    start_run_argv(&r, missing, "/", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    cr_assert_eq(r.report.failure.error, ENOENT);
    start_run_argv(&r, refused, "/", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    cr_assert_eq(r.report.failure.error, EACCES);
    cr_assert_eq(r.report.failure.step, STEP_EXEC);
    cr_assert_eq(write(fd, "no program\n", 11), 11);
    cr_assert_eq(fchmod(fd, 0755), 0);
    fd_close(&fd);
    start_run_argv(&r, no_program, "/", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    cr_assert_eq(r.report.failure.error, ENOEXEC);
    (void)unlink(file);
    start_run_argv(&r, good, "/nonexistent", LONG, LONG);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_FAILED);
    cr_assert_eq(r.report.failure.error, ENOENT);
    cr_assert_eq(r.report.failure.step, STEP_FOLDER);
}

Test(keeper, exit_127_is_no_failed_exec)
{
    struct run r;

    run_to_end(&r, "exit 127", LONG, LONG);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
    cr_assert_eq(WEXITSTATUS(r.report.status), 127);
}

Test(keeper, only_descriptors_0_to_2)
{
    int stray = open("/dev/null", O_RDONLY); /* on purpose without close-on-exec */
    struct run r;

    start_run(&r, "ls -1 /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0", LONG, LONG);
    wait_said(&r, "0 1 2 3 /dev/null\n");
    finish_run(&r);
    fd_close(&stray);
}

Test(keeper, holds_nothing_but_its_socket)
{
    char pid[16], path[64], target[16] = "";
    struct run r;

    start_run(&r, "echo up; exec sleep 1000", LONG, LONG);
    wait_said(&r, "up");
    (void)snprintf(pid, sizeof pid, "%d", (int)r.keeper);
    WAIT_FOR(open_descriptors(pid) == 4);
    for (int fd = 0; fd <= 2; fd++) {
        (void)snprintf(path, sizeof path, "/proc/%s/fd/%d", pid, fd);
        WAIT_FOR(readlink(path, target, sizeof target - 1) == 9);
        cr_assert_str_eq(target, "/dev/null");
    }
    cr_assert_eq(getsid(r.keeper), r.keeper, "out of a terminal's reach");
    keeper_stop(r.control);
    finish_run(&r);
}

Test(keeper, garnetd_sees_the_end_of_an_output_that_is_closed)
{
    char c;
    struct run r;

    start_run(&r, "exec <&- >&- 2>&-; sleep 1000", LONG, LONG);
    cr_assert_eq(read(r.out, &c, 1), 0);
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
}

Test(keeper, a_full_pipe_is_the_writers_problem)
{
    struct run r;

    run_to_end(&r, "yes", 500 * NS_PER_MS, LONG);
    cr_assert_eq(r.report.end, KEEPER_TIMEOUT);
    cr_assert(killed_by(&r, SIGTERM));
}

Test(keeper, signals_meant_for_others_do_not_end_it)
{
    struct run r;

    start_run(&r, "echo up; exec sleep 1000", LONG, LONG);
    wait_said(&r, "up");
    WAIT_FOR(getsid(r.keeper) == r.keeper);
    (void)kill(r.keeper, SIGTERM);
    (void)kill(r.keeper, SIGINT);
    (void)kill(r.keeper, SIGHUP);
    keeper_stop(r.control);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
}

/* kill -9 of garnetd: a process between us and the keeper plays its part. */
Test(keeper, nothing_outlives_garnetd)
{
    int tell[2], status;
    pid_t garnetd, keeper = 0;
    struct run r;

    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    cr_assert_eq(fd_pipe(tell, 0, 0), 0);
    (void)snprintf(keeper_rig.mark, sizeof keeper_rig.mark, "none yet");
    garnetd = fork();
    if (garnetd == 0) {
        start_run(&r, "trap '' TERM; setsid -f sleep 1000; echo up; while :; do sleep 1000; done",
                  LONG, LONG);
        wait_said(&r, "up");
        (void)!write(tell[1], &r.keeper, sizeof r.keeper);
        (void)!write(tell[1], keeper_rig.mark, sizeof keeper_rig.mark);
        for (;;)
            (void)pause();
    }
    cr_assert_eq(read(tell[0], &keeper, sizeof keeper), (ssize_t)sizeof keeper);
    cr_assert_eq(read(tell[0], keeper_rig.mark, sizeof keeper_rig.mark),
                 (ssize_t)sizeof keeper_rig.mark);
    cr_assert(processes_marked(keeper_rig.mark) >= 2);
    (void)kill(garnetd, SIGKILL);
    cr_assert_eq(waitpid(garnetd, &status, 0), garnetd);
    cr_assert_eq(waitpid(keeper, &status, 0), keeper);
    cr_assert_eq(status, 0);
    cr_assert_eq(processes_marked(keeper_rig.mark), 0);
    cr_assert(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "nothing was left to us");
}

/* The run is over, but something of it does not go: a killed process that is traced (by us) stays
 * until its tracer has waited for it. Returns its pid. */
static pid_t leave_behind(struct run *r)
{
    pid_t pid, left = 0;
    char line[64] = "";

    start_run(r, "sleep 1000 & echo $!; exec sleep 1000", LONG, LONG);
    cr_assert(read(r->out, line, sizeof line - 1) > 0);
    left = (pid_t)atoi(line);
    cr_assert(left > 0);
    if (ptrace(PTRACE_SEIZE, left, NULL, NULL) < 0) {
        (void)kill(r->keeper, SIGKILL);
        cr_skip_test("may not trace a process of its own");
    }
    pid = keeping_pid(r->control);
    cr_assert(pid > 0);
    (void)kill(pid, SIGKILL);
    WAIT_FOR(kill(pid, 0) < 0 && errno == ESRCH); /* the keeper has seen it end */
    return left;
}

static int unread(int control)
{
    int n = 0;

    return ioctl(control, SIOCOUTQ, &n) < 0 ? -1 : n;
}

/* What nobody reads keeps the socket ready, and the keeper would turn in circles. */
Test(keeper, reads_what_it_is_told_while_it_waits_for_what_does_not_end)
{
    struct run r;
    pid_t left = leave_behind(&r);

    for (int i = 0; i < 3; i++)
        keeper_stop(r.control);
    WAIT_FOR(unread(r.control) == 0);
    cr_assert_eq(waitpid(left, NULL, 0), left);
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_EXITED, "it had ended before it was asked to");
    cr_assert(killed_by(&r, SIGKILL));
}

Test(keeper, says_once_that_KILL_has_no_effect)
{
    struct run r;
    pid_t left = leave_behind(&r);
    bool hangs = false;

    WAIT_FOR(hangs || (hangs = keeping_hear(r.control) == KEEPING_HANGS));
    cr_assert_eq(keeping_hear(r.control), KEEPING_NOTHING);
    cr_assert_eq(waitpid(left, NULL, 0), left);
    finish_run(&r);
    cr_assert_eq(keeping_hear(r.control), KEEPING_NOTHING);
}

/* So it is with the collector itself, and the next run begins anew. */
Test(keeper, a_collector_that_KILL_does_not_end)
{
    struct run r;
    bool hangs = false;
    pid_t pid;

    start_run(&r, "echo up; exec sleep 1000", LONG, 0);
    wait_said(&r, "up");
    pid = keeping_pid(r.control);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) {
        (void)kill(r.keeper, SIGKILL);
        cr_skip_test("may not trace a process of its own");
    }
    keeper_stop(r.control);
    WAIT_FOR(hangs || (hangs = keeping_hear(r.control) == KEEPING_HANGS));
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    take_report(&r);
    cr_assert_eq(r.report.end, KEEPER_STOPPED);
    next_run(&r, "exit 0");
    finish_run(&r);
    cr_assert_eq(r.report.end, KEEPER_EXITED);
}

/* Not by number: it looks into /proc now and then. */
static bool has_socket(pid_t pid)
{
    char path[64], target[32];
    bool found = false;

    for (int fd = 0; fd < 32 && !found; fd++) {
        ssize_t n;

        (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
        n = readlink(path, target, sizeof target);
        found = n > 7 && memcmp(target, "socket:", 7) == 0;
    }
    return found;
}

Test(keeper, lets_go_of_garnetd_while_it_waits_for_what_does_not_end)
{
    int status;
    struct run r;
    pid_t left = leave_behind(&r);

    cr_assert(has_socket(r.keeper));
    fd_close(&r.control);
    WAIT_FOR(!has_socket(r.keeper));
    cr_assert_eq(waitpid(left, NULL, 0), left);
    cr_assert_eq(waitpid(r.keeper, &status, 0), r.keeper);
    cr_assert_eq(status, 0);
    cr_assert_eq(processes_marked(keeper_rig.mark), 0);
    fd_close(&r.out);
}

Test(keeper, leaks_no_descriptor)
{
    int before = open_descriptors("self");

    for (int i = 0; i < 20; i++) {
        struct run r;

        run_to_end(&r, "exit 0", LONG, LONG);
    }
    cr_assert_eq(open_descriptors("self"), before);
}
