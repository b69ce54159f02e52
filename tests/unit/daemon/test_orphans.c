/* tests/unit/daemon/test_orphans.c - daemon/orphans.h with processes that lose their parent */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "daemon/orphans.h"
#include "rig/daemon_stand.h"

static struct stand stand;
static struct orphans orphans;
static int nover;

static void on_over(void *arg)
{
    (void)arg;
    nover++;
}

static void begin(void)
{
    stand_begin(&stand);
    orphans_init(&orphans, stand.loop, on_over, NULL);
}

/* A process that runs until it is killed, or for a minute: should the test fail. */
static pid_t leave_child(void)
{
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)alarm(60);
        for (;;)
            (void)pause();
    }
    return pid;
}

/* One whose parent has gone, so that it is ours. */
static pid_t leave_orphan(void)
{
    int fds[2];
    pid_t pid, middle;

    cr_assert_eq(fd_pipe(fds, 0, 0), 0);
    middle = fork();
    if (middle == 0) {
        pid = leave_child();
        _exit(write(fds[1], &pid, sizeof pid) == sizeof pid ? 0 : 1);
    }
    cr_assert_eq(read(fds[0], &pid, sizeof pid), sizeof pid);
    cr_assert_eq(waitpid(middle, NULL, 0), middle);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    return pid;
}

static bool is_gone(pid_t pid)
{
    return kill(pid, 0) < 0 && errno == ESRCH;
}

TestSuite(orphans, .timeout = 60);

Test(orphans, what_is_inherited_is_killed)
{
    pid_t one, two;

    begin();
    one = leave_orphan();
    two = leave_orphan();
    orphans_search(&orphans);
    cr_assert(orphans_searching(&orphans), "until they are gone");
    cr_assert_eq(nover, 0);
    STAND_UNTIL(&stand, nover > 0);
    cr_assert(is_gone(one) && is_gone(two));
    cr_assert_not(orphans_searching(&orphans));
    cr_assert_eq(nover, 1);
    stand_end(&stand);
}

static void on_child(void *arg, int status, const struct rusage *ru)
{
    (void)ru;
    *(int *)arg = status;
}

Test(orphans, its_own_children_are_left_alone)
{
    struct loop_child child = {0};
    int status = -1;
    pid_t own;

    begin();
    own = leave_child();
    loop_child_add(stand.loop, &child, own, on_child, &status);
    orphans_search(&orphans);
    cr_assert_eq(nover, 1, "there is nothing to wait for");
    for (int i = 0; i < 5; i++)
        (void)loop_turn(stand.loop, 20 * NS_PER_MS);
    cr_assert_eq(status, -1);
    cr_assert_eq(kill(own, SIGUSR1), 0);
    STAND_UNTIL(&stand, status != -1);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    stand_end(&stand);
}

static void on_parent_ended(void *arg, int status, const struct rusage *ru)
{
    static struct loop_child adopted;
    static int end;

    (void)status, (void)ru;
    loop_child_add(stand.loop, &adopted, *(const pid_t *)arg, on_child, &end);
}

/* The owner of a child that has ended knows what that one leaves to us, but is told in the next turn. */
Test(orphans, what_a_child_leaves_is_its_owners_to_name_first)
{
    struct loop_child parent = {0};
    siginfo_t si;
    pid_t own, left = -1;
    int fds[2];

    begin();
    cr_assert_eq(fd_pipe(fds, 0, 0), 0);
    own = fork();
    if (own == 0) {
        left = leave_child();
        _exit(write(fds[1], &left, sizeof left) == sizeof left ? 0 : 1);
    }
    loop_child_add(stand.loop, &parent, own, on_parent_ended, &left);
    cr_assert_eq(read(fds[0], &left, sizeof left), sizeof left);
    cr_assert_eq(waitid(P_PID, (id_t)own, &si, WEXITED | WNOWAIT), 0);
    orphans_search(&orphans);
    STAND_UNTIL(&stand, nover > 0);
    cr_assert_not(is_gone(left));
    cr_assert_eq(loop_child_find(stand.loop, left) != NULL, true);
    (void)kill(left, SIGKILL);
    STAND_UNTIL(&stand, is_gone(left));
    stand_end(&stand);
}

Test(orphans, many_reasons_are_one_search)
{
    int64_t began = clock_mono();
    pid_t pid;

    begin();
    pid = leave_orphan();
    for (int i = 0; i < 100; i++)
        orphans_search_soon(&orphans, false);
    cr_assert(orphans_searching(&orphans));
    STAND_UNTIL(&stand, nover > 0);
    cr_assert_geq(clock_mono() - began, 900 * NS_PER_MS);
    cr_assert(is_gone(pid));
    cr_assert_eq(nover, 1);
    stand_end(&stand);
}

Test(orphans, at_the_end_nobody_waits_a_second)
{
    pid_t pid;

    begin();
    pid = leave_orphan();
    orphans_search_soon(&orphans, false);
    orphans_search_soon(&orphans, true);
    (void)loop_turn(stand.loop, 0); /* found, and killed */
    STAND_UNTIL(&stand, is_gone(pid));
    STAND_UNTIL(&stand, nover == 1);
    stand_end(&stand);
}
