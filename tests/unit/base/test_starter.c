/* base/starter: the caller goes on while the child is on its way, and nothing but memory is shared */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/privileges.h"
#include "base/starter.h"
#include "rig/chance.h"

static struct starter s;
static int pipes[2]; /* what a child waits for */
static volatile int written;

static void setup(void)
{
    cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
}

TestSuite(starter, .init = setup, .timeout = 30);

static int end_of(pid_t pid)
{
    int status = -1;

    cr_assert_gt(pid, 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static int run_true(void *arg)
{
    char *const argv[] = {(char[]){"true"}, NULL}, *const env[] = {NULL};

    (void)arg;
    (void)execve("/bin/true", argv, env);
    _exit(127);
}

/* As an exec does from a folder that does not answer. */
static int hang(void *arg)
{
    char c;

    written = 1;
    (void)!read(pipes[0], &c, 1);
    return run_true(arg);
}

Test(starter, one_after_the_other)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(end_of(starter_start(&s, run_true, NULL)), 0);
}

Test(starter, does_not_wait_for_the_exec)
{
    pid_t pid = starter_start(&s, hang, NULL);

    cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0);
    cr_assert_eq(write(pipes[1], "x", 1), 1);
    cr_assert_eq(end_of(pid), 0);
}

Test(starter, one_that_is_killed_before_its_exec_is_followed_by_another)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = starter_start(&s, hang, NULL);
        int status;

        cr_assert_eq(kill(pid, SIGKILL), 0);
        status = end_of(pid);
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    cr_assert_eq(end_of(starter_start(&s, run_true, NULL)), 0);
}

static int tied_to_its_parent(void *arg)
{
    char *const argv[] = {(char[]){"sleep"}, (char[]){"0.1"}, NULL}, *const env[] = {NULL};

    (void)arg;
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)execve("/bin/sleep", argv, env);
    _exit(127);
}

/* Its parent is a thread, and that is there as long as we are. */
Test(starter, a_program_that_wants_to_end_with_its_parent_goes_on)
{
    for (int i = 0; i < 10; i++)
        cr_assert_eq(end_of(starter_start(&s, tied_to_its_parent, NULL)), 0);
}

static int alter_everything(void *arg)
{
    const struct rlimit few = {.rlim_cur = 5, .rlim_max = 5};
    sigset_t held;

    *(int *)arg = sigprocmask(SIG_BLOCK, NULL, &held) == 0 && sigismember(&held, SIGTERM) == 1;
    (void)umask(0777);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)setrlimit(RLIMIT_NOFILE, &few);
    (void)close(pipes[0]);
    errno = EDOM;
    _exit(chdir("/proc") == 0 && setsid() > 0 ? 0 : 1);
}

Test(starter, shares_memory_and_nothing_else)
{
    char before[4096], after[4096];
    struct sigaction act;
    struct rlimit files;
    sigset_t held;
    int saw = 0;

    cr_assert_not_null(getcwd(before, sizeof before));
    errno = 0;
    cr_assert_eq(end_of(starter_start(&s, alter_everything, &saw)), 0);
    cr_assert_neq(errno, EDOM);
    cr_assert_eq(saw, 1);
    cr_assert_str_eq(getcwd(after, sizeof after), before);
    cr_assert_neq(umask(022), 0777);
    cr_assert_eq(sigaction(SIGUSR1, NULL, &act), 0);
    cr_assert_eq(act.sa_handler, SIG_DFL);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    cr_assert_gt(files.rlim_cur, 5);
    cr_assert_neq(fcntl(pipes[0], F_GETFD), -1);
    cr_assert_eq(sigprocmask(SIG_BLOCK, NULL, &held), 0);
    cr_assert_eq(sigismember(&held, SIGTERM), 0);
}

static int become_nobody(void *arg)
{
    (void)arg;
    _exit(privileges_become(65534, 65534, NULL, 0) == 0 && getuid() == 65534 ? 0 : 1);
}

Test(starter, a_childs_user_is_its_own)
{
    if (geteuid() != 0)
        return; /* who is not root becomes nobody else */
    cr_assert_eq(end_of(starter_start(&s, become_nobody, NULL)), 0);
    cr_assert_eq(getuid(), 0);
    cr_assert_eq(getgid(), 0);
}

/* No room for a thread: then it is a fork, with a copy of our memory. */
Test(starter, forks_where_it_must)
{
    struct rlimit before, none;

    if (SANITIZED)
        cr_skip_test("a sanitizer wants room of its own");
    cr_assert_eq(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 1;
    cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
    (void)end_of(starter_start(&s, run_true, NULL)); /* which this limit may keep from its exec */
    cr_assert_eq(setrlimit(RLIMIT_AS, &before), 0);
    cr_assert(s.forks);
    cr_assert_eq(end_of(starter_start(&s, run_true, NULL)), 0);
    written = 0;
    cr_assert_eq(write(pipes[1], "x", 1), 1);
    cr_assert_eq(end_of(starter_start(&s, hang, NULL)), 0);
    cr_assert_eq(written, 0);
}
