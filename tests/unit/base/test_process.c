/* base/process: a child is waited for, until a deadline; its parent is known */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process.h"

enum { EXIT_7 = 7 };

/* A child that ends by itself after so many ms; -1: never. */
static pid_t child(int ms)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (ms < 0)
            (void)pause();
        (void)usleep((useconds_t)ms * 1000);
        _exit(EXIT_7);
    }
    cr_assert(pid > 0);
    return pid;
}

static int64_t in_ms(int64_t ms)
{
    return clock_mono() + ms * NS_PER_MS;
}

Test(process, waits_for_the_end_and_reaps)
{
    pid_t pid = child(50);
    int status = -1;

    cr_assert(process_wait(pid, INT64_MAX, &status));
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_7);
    cr_assert_eq(waitpid(pid, NULL, 0), -1, "nothing is left of it");
}

Test(process, does_not_wait_beyond_the_deadline)
{
    pid_t pid = child(-1);
    int64_t before = clock_mono();
    int status;

    cr_assert_not(process_wait(pid, in_ms(50), &status));
    cr_assert_geq(clock_mono() - before, 50 * NS_PER_MS);
    cr_assert_lt(clock_mono() - before, 5 * NS_PER_S);
    cr_assert_not(process_wait(pid, 0, &status), "a look only");
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert(process_wait(pid, INT64_MAX, &status));
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(process, one_that_has_ended_is_reaped_though_the_time_is_up)
{
    pid_t pid = child(0);
    siginfo_t si;
    int status;

    cr_assert_eq(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    cr_assert(process_wait(pid, 0, &status));
    cr_assert_eq(WEXITSTATUS(status), EXIT_7);
}

Test(process, what_is_no_child_is_not_waited_for)
{
    pid_t pid = child(0);
    int status = -1;

    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert(process_wait(pid, in_ms(60000), &status));
    cr_assert_eq(status, 0);
    errno = EINTR; /* of an earlier call */
    cr_assert(process_wait(-1, in_ms(60000), &status), "nor just any");
    cr_assert(process_wait(getppid(), in_ms(60000), &status));
}

Test(process, knows_who_is_whose_child)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t pid = child(-1);
    char name[16];

    (void)snprintf(name, sizeof name, "%d", (int)pid);
    cr_assert_eq(process_parent(proc, name), getpid());
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    cr_assert_eq(process_parent(proc, name), 0);
    (void)close(proc);
}
