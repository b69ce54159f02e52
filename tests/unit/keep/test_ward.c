/* tests/unit/keep/test_ward.c - keep/ward.h with real processes: what is told of one, and that nothing is left of it */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "keep/ward.h"
#include "rig/processes.h"

#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t turn_end_ = clock_mono() + 20 * NS_PER_S;                                          \
        while (!(condition) && clock_mono() < turn_end_)                                           \
            (void)loop_turn(loop, 20 * NS_PER_MS);                                                 \
        cr_assert(condition);                                                                      \
    } while (0)

static struct loop *loop;
static struct keepers keepers;
static struct ward ward;
static struct ward_end end;
static int nended, nhangs, out = -1;
static char mark[64], said[4096];

/* Says what it was told, waits for a byte, and ends with that. */
static int help(void *arg)
{
    const struct ward_job *job = arg;
    char c = 0;

    (void)dprintf(job->fds[3], "%s %s %u", job->argv[0], job->argv[1], job->word);
    (void)dprintf(2, "; to its stderr");
    return read(job->fds[4], &c, 1) == 1 ? c : -1;
}

static const struct nursery_work work = {.helper = help};

static void on_hangs(void *arg)
{
    (void)arg;
    nhangs++;
}

static void on_ended(void *arg, const struct ward_end *e)
{
    (void)arg;
    cr_assert_not(ward_runs(&ward));
    end = *e;
    nended++;
}

static const struct ward_events events = {NULL, on_hangs, on_ended};

static void begin(void)
{
    (void)snprintf(mark, sizeof mark, "GARNET_TEST_MARK=%d", (int)getpid());
    (void)putenv(mark);
    loop = loop_new();
    cr_assert_not_null(loop);
    cr_assert_eq(keepers_init(&keepers, loop, &work), 0);
}

/* All that it starts has `out` as its output. */
static void start(const char *script)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    struct ward_job job = {.argv = argv, .fds = {-1, -1, -1}, .nfds = 3};
    int fds[2];

    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, 0), 0);
    out = fds[0];
    job.fds[1] = job.fds[2] = fds[1];
    cr_assert_eq(ward_start(&ward, &keepers, "the ward", &job, &events), 0);
    fd_close(&fds[1]);
}

static const char *read_said(void)
{
    size_t n = strlen(said);
    ssize_t got;

    while ((got = read(out, said + n, sizeof said - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = 0;
    return said;
}

static void start_and_hear(const char *script, const char *word)
{
    start(script);
    TURN_UNTIL(strstr(read_said(), word) != NULL && ward.pid > 0);
}

static void finish(void)
{
    fd_close(&out);
    keepers_free(&keepers, clock_mono() + 20 * NS_PER_S);
    cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
    loop_free(loop);
}

/* This process has the mark only in what it was started with. */
static int left(void)
{
    return processes_marked(mark);
}

TestSuite(ward, .timeout = 60);

Test(ward, its_end_is_told)
{
    begin();
    start("echo $$ of $PPID; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 3");
    TURN_UNTIL(nended == 1);
    cr_assert_eq(end.error, 0);
    cr_assert_not(end.lost);
    cr_assert_eq(WEXITSTATUS(end.status), 3);
    cr_assert_gt(end.used.ru_maxrss, 0);
    cr_assert_eq(end.left_behind, 0);
    cr_assert_eq(atoi(read_said()), (int)ward.pid);
    finish();
}

Test(ward, has_its_descriptors_and_no_others)
{
    begin();
    start_and_hear("ls /proc/self/fd | tr '\\n' ' '; echo; ps -o pgid= -p $$; echo end", "end\n");
    cr_assert_eq(strncmp(read_said(), "0 1 2 3 \n", 9), 0, "%s", said);
    cr_assert_eq(atoi(said + 9), (int)ward.pid, "a group of its own: %s", said);
    TURN_UNTIL(nended == 1);
    finish();
}

Test(ward, a_program_that_is_not_there)
{
    const char *argv[] = {"/nowhere/at/all", NULL};
    const struct ward_job job = {.argv = argv, .nfds = 0};

    begin();
    cr_assert_eq(ward_start(&ward, &keepers, "the ward", &job, &events), 0);
    TURN_UNTIL(nended == 1);
    cr_assert_eq(WEXITSTATUS(end.status), 127);
    finish();
}

Test(ward, a_helper_runs_in_this_program)
{
    const char *argv[] = {"some-helper", "told", NULL};
    struct ward_job job = {.argv = argv, .helper = true, .word = 7, .nfds = 5};
    int fds[2], back[2];

    begin();
    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, 0), 0);
    cr_assert_eq(fd_pipe(back, 0, 0), 0);
    out = fds[0];
    memcpy(job.fds, (const int[]){-1, -1, fds[1], fds[1], back[0]}, 5 * sizeof(int));
    cr_assert_eq(ward_start(&ward, &keepers, "the ward", &job, &events), 0);
    fd_close(&fds[1]);
    fd_close(&back[0]);
    TURN_UNTIL(strcmp(read_said(), "some-helper told 7; to its stderr") == 0);
    cr_assert_eq(write(back[1], "\5", 1), 1);
    TURN_UNTIL(nended == 1);
    cr_assert_eq(WEXITSTATUS(end.status), 5);
    fd_close(&back[1]);
    finish();
}

Test(ward, signals_reach_its_group)
{
    begin();
    start_and_hear("sleep 1000 & trap 'exit 4' TERM; echo up; wait", "up");
    ward_signal(&ward, SIGTERM);
    TURN_UNTIL(nended == 1);
    cr_assert_eq(WEXITSTATUS(end.status), 4);
    start_and_hear("trap '' TERM; echo again; sleep 1000", "again");
    ward_signal(&ward, SIGKILL);
    TURN_UNTIL(nended == 2);
    cr_assert(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL);
    cr_assert_eq(nhangs, 0);
    finish();
}

Test(ward, what_it_leaves_is_killed_and_counted)
{
    begin();
    start("setsid -f sh -c '(setsid -f sleep 1000); exec sleep 1000'; sleep 1000 & exit 0");
    TURN_UNTIL(nended == 1);
    cr_assert_eq(end.status, 0);
    cr_assert_geq(end.left_behind, 1);
    cr_assert_eq(left(), 0);
    finish();
}

Test(ward, a_stop_is_told_and_so_is_its_end)
{
    begin();
    start_and_hear("echo up; exec sleep 1000", "up");
    for (int i = 0; i < 2; i++) {
        (void)kill(ward.pid, SIGSTOP);
        TURN_UNTIL(ward.stopped);
        (void)kill(ward.pid, SIGCONT);
        TURN_UNTIL(!ward.stopped);
    }
    (void)kill(ward.pid, SIGSTOP);
    ward_signal(&ward, SIGKILL);
    TURN_UNTIL(nended == 1);
    cr_assert_not(ward.stopped);
    finish();
}

Test(ward, KILL_without_effect_is_told)
{
    int held;

    begin();
    start_and_hear("echo up; exec sleep 1000", "up");
    held = process_hold(ward.pid);
    ward_signal(&ward, SIGKILL);
    if (held >= 0)
        TURN_UNTIL(nhangs == 1);
    cr_assert_eq(nended, held < 0);
    fd_close(&held);
    TURN_UNTIL(nended == 1);
    finish();
}

/* Its end is told, and its keeper waits. */
Test(ward, what_it_leaves_may_hang)
{
    pid_t pid = 0;
    int held;

    begin();
    start_and_hear("setsid -f sh -c 'echo left $$.; exec sleep 1000'; read x < /dev/zero", ".\n");
    cr_assert_eq(sscanf(read_said(), "left %d.", &pid), 1, "%s", said);
    held = process_hold(pid);
    ward_signal(&ward, SIGKILL);
    TURN_UNTIL(nended == 1);
    cr_assert_eq(end.hangs, held >= 0);
    cr_assert_eq(nhangs, 0);
    fd_close(&held);
    finish();
}

static pid_t keeper_of_it(void)
{
    return process_under(process_under(keepers.child.pid, "garnetd-nursery"), "garnetd-ward");
}

/* Whatever it was at; and nothing of it stays. */
Test(ward, one_whose_keeper_is_killed_is_lost)
{
    begin();
    start_and_hear("trap '' TERM; setsid -f sleep 1000; echo up; while :; do sleep 1; done", "up");
    (void)kill(keeper_of_it(), SIGKILL);
    TURN_UNTIL(nended == 1);
    cr_assert(end.lost);
    cr_assert_eq(end.error, 0);
    WAIT_FOR(left() == 0);
    finish();
}

Test(ward, a_killed_nursery_changes_nothing)
{
    begin();
    start_and_hear("echo up; exec sleep 1000", "up");
    (void)kill(process_under(keepers.child.pid, "garnetd-nursery"), SIGKILL);
    TURN_UNTIL(process_under(keepers.child.pid, "garnetd-ward") > 0);
    ward_signal(&ward, SIGTERM);
    TURN_UNTIL(nended == 1);
    cr_assert(WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGTERM);
    finish();
}

Test(ward, a_stopped_keeper_is_told_to_go_on_for_a_signal)
{
    begin();
    start_and_hear("echo up; exec sleep 1000", "up");
    (void)kill(keeper_of_it(), SIGSTOP);
    ward_signal(&ward, SIGKILL);
    TURN_UNTIL(nended == 1);
    finish();
}

/* TERM, 2 s, KILL: as if garnetd were gone. */
Test(ward, one_that_is_abandoned_ends)
{
    begin();
    start_and_hear(
        "trap 'echo asked' TERM; setsid -f sleep 1000; echo up; while :; do sleep 0.1; done", "up");
    ward_abandon(&ward);
    TURN_UNTIL(strstr(read_said(), "asked") != NULL);
    WAIT_FOR(left() == 0);
    (void)loop_turn(loop, 0);
    cr_assert_eq(nended, 0);
    finish();
}

/* As when garnetd ends before the nursery comes to it: what is told to nobody does not begin. */
Test(ward, one_that_nobody_waits_for_any_more_does_not_begin)
{
    pid_t nursery;
    int first;

    begin();
    nursery = process_under(keepers.child.pid, "garnetd-nursery");
    (void)kill(nursery, SIGSTOP);
    start("echo up; exec sleep 1000");
    first = out;
    ward_abandon(&ward);
    (void)kill(nursery, SIGCONT);
    start("exit 0");
    TURN_UNTIL(nended == 1);
    WAIT_FOR(processes_under(nursery, "garnetd-ward", NULL, 0) == 0);
    fd_close(&out);
    out = first;
    cr_assert_str_eq(read_said(), "");
    cr_assert_eq(left(), 0);
    finish();
}

Test(ward, moves)
{
    struct ward other;

    begin();
    start_and_hear("echo up; exec sleep 1000", "up");
    ward_move(&other, &ward, &events);
    cr_assert(ward_runs(&other) && !ward_runs(&ward));
    ward_signal(&other, SIGTERM);
    TURN_UNTIL(nended == 1);
    cr_assert_not(ward_runs(&other));
    finish();
}

Test(ward, leaks_no_descriptor)
{
    int before;

    begin();
    before = open_descriptors("self");
    for (int i = 1; i <= 20; i++) {
        start("exit 0");
        TURN_UNTIL(nended == i);
        fd_close(&out);
    }
    cr_assert_eq(open_descriptors("self"), before);
    finish();
}
