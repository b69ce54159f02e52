/* base/process: exactly the descriptors named, signals as new, failures told by the child */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/process.h"

static int out[2];
static char got[4096];

/* A pipe far from the low numbers that these tests rearrange. */
static void high_pipe(int fds[2])
{
    int low[2];

    cr_assert_eq(fd_pipe(low, 0, 0), 0);
    for (int i = 0; i < 2; i++) {
        fds[i] = fcntl(low[i], F_DUPFD_CLOEXEC, 20);
        cr_assert_geq(fds[i], 20);
        close(low[i]);
    }
}

static void setup(void)
{
    high_pipe(out);
}

/* What the child writes until all writers of the pipe are gone, and its status. */
static int collect(pid_t pid)
{
    size_t n = 0;
    ssize_t r;
    int status = -1;

    cr_assert_gt(pid, 0);
    fd_close(&out[1]);
    while ((r = read(out[0], got + n, sizeof got - 1 - n)) > 0)
        n += (size_t)r;
    got[n] = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static int shell(const char *script, struct spawn s)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};

    s.argv = argv;
    return collect(spawn_program(&s));
}

Test(spawn, runs_with_its_own_environment_and_folder, .init = setup)
{
    static const char *const env[] = {"COLOUR=garnet", NULL};
    int status = shell("echo $COLOUR $HOME; pwd; exit 7",
                       (struct spawn){.env = env, .cwd = "/", .fds = {-1, out[1], -1}, .nfds = 3});

    cr_assert_eq(WEXITSTATUS(status), 7);
    cr_assert_str_eq(got, "garnet\n/\n");
}

/* The open descriptors of the child, as its own shell lists them (ls's own directory left out). */
static const char LIST[] = "for f in /proc/$$/fd/*; do [ -e $f ] && printf '%s ' ${f##*/}; done";

Test(spawn, no_other_descriptor_gets_through, .init = setup)
{
    int stray = open("/dev/null", O_RDONLY); /* not close-on-exec: a careless library's */

    cr_assert_gt(stray, 2);
    cr_assert_gt(fcntl(stray, F_DUPFD, 500), 499);
    shell(LIST, (struct spawn){.fds = {-1, out[1], -1}, .nfds = 3});
    cr_assert_str_eq(got, "0 1 2 ");
}

Test(spawn, missing_standard_descriptors_are_null, .init = setup)
{
    shell("read x; echo \"$? $x\" >&1; readlink /proc/$$/fd/2",
          (struct spawn){.fds = {-1, out[1]}, .nfds = 2});
    cr_assert_str_eq(got, "1 \n/dev/null\n");
}

Test(spawn, descriptors_that_are_in_each_others_way, .init = setup)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo a >&3; echo b >&4; echo out", NULL};
    struct spawn s = {.argv = argv, .fds = {-1, out[1], 2, 4, 3}, .nfds = 5};
    int a[2], b[2];
    char text[8] = "";
    pid_t pid;

    high_pipe(a);
    high_pipe(b);
    pid = fork(); /* in a child: 3 and 4 are the test framework's own */
    if (pid == 0) {
        if (dup2(a[1], 4) == 4 && dup2(b[1], 3) == 3) /* 4 is to become 3, and 3 to become 4 */
            (void)spawn_exec(&s);
        _exit(1);
    }
    cr_assert_eq(collect(pid), 0);
    cr_assert_str_eq(got, "out\n");
    cr_assert_eq(read(a[0], text, sizeof text), 2);
    cr_assert_eq(text[0], 'a');
    cr_assert_eq(read(b[0], text, sizeof text), 2);
    cr_assert_eq(text[0], 'b');
}

Test(spawn, one_descriptor_for_two, .init = setup)
{
    shell("echo one; echo two >&2", (struct spawn){.fds = {-1, out[1], out[1]}, .nfds = 3});
    cr_assert_str_eq(got, "one\ntwo\n");
}

Test(spawn, signals_are_as_new, .init = setup)
{
    struct loop *l = loop_new(); /* blocks four signals, ignores SIGPIPE */
    char blocked[64] = "", ignored[64] = "";

    cr_assert_not_null(l);
    (void)signal(SIGUSR1, SIG_IGN);
    shell("grep -E 'Sig(Blk|Ign)' /proc/$$/status | tr -s '\\t' ' '",
          (struct spawn){.fds = {-1, out[1], 2}, .nfds = 3});
    cr_assert_eq(sscanf(got, "SigBlk: %63s SigIgn: %63s", blocked, ignored), 2, "%s", got);
    cr_assert_str_eq(blocked, "0000000000000000");
    cr_assert_str_eq(ignored, "0000000000000000");
    loop_free(l);
}

Test(spawn, own_group_exists_on_return, .init = setup)
{
    const char *const argv[] = {"/bin/sleep", "60", NULL};
    struct spawn s = {.argv = argv, .own_group = true, .fds = {-1, out[1], 2}, .nfds = 3};
    pid_t pid = spawn_program(&s);

    cr_assert_gt(pid, 0);
    cr_assert_eq(kill(-pid, SIGKILL), 0);
    cr_assert_eq(WTERMSIG(collect(pid)), SIGKILL);
}

Test(spawn, failures_are_told, .init = setup)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    struct spawn s = {.argv = argv, .fds = {-1, -1, out[1]}, .nfds = 3};
    int status = collect(spawn_program(&s));

    cr_assert_eq(WEXITSTATUS(status), 127);
    cr_assert_str_eq(got, "cannot run /nonexistent/program: No such file or directory\n");
}

Test(spawn, a_missing_folder_is_told, .init = setup)
{
    int status =
        shell("true", (struct spawn){.cwd = "/nonexistent", .fds = {-1, -1, out[1]}, .nfds = 3});

    cr_assert_eq(WEXITSTATUS(status), 127);
    cr_assert_str_eq(got, "cannot run /bin/sh: /nonexistent: No such file or directory\n");
}

Test(spawn, exec_returns_only_on_failure)
{
    const char *const argv[] = {"/nonexistent/program", NULL};
    struct spawn s = {.argv = argv, .fds = {0, 1, 2}, .nfds = 3};
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)spawn_exec(&s);
        _exit(errno == ENOENT ? 42 : 1);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(WEXITSTATUS(status), 42);
}

/* --- helpers --- */

struct job {
    int keep, gone;
};

static int help(void *arg)
{
    const struct job *job = arg;
    char comm[32] = "";
    FILE *f = fopen("/proc/self/comm", "re");

    if (f == NULL || fgets(comm, sizeof comm, f) == NULL)
        return 1;
    (void)fclose(f);
    if (fcntl(job->gone, F_GETFD) >= 0 || fcntl(job->keep, F_GETFD) < 0 || fcntl(2, F_GETFD) < 0)
        return 2;
    (void)dprintf(job->keep, "%s", comm);
    return 33;
}

Test(spawn, helper, .init = setup)
{
    int stray = open("/dev/null", O_RDONLY);
    int keep[3] = {fcntl(out[1], F_DUPFD_CLOEXEC, 40), -1, stray};
    struct job job = {.keep = keep[0], .gone = open("/dev/null", O_RDONLY)};
    pid_t pid = spawn_helper("garnet-helper-long-name", keep, 3, help, &job);

    fd_close(&keep[0]); /* so that the pipe ends with the helper */
    cr_assert_eq(WEXITSTATUS(collect(pid)), 33);
    cr_assert_str_eq(got, "garnet-helper-l\n");
}

/* The number that the log had is free for any file that the helper opens. */
static int log_beside_a_file(void *arg)
{
    int file = *(const int *)arg;

    if (dup2(file, 60) < 0)
        return 1;
    log_error("this is no data");
    return 0;
}

Test(spawn, a_helper_does_not_log_into_a_file_of_its_own, .init = setup)
{
    int file = fcntl(out[1], F_DUPFD_CLOEXEC, 40);
    pid_t pid;

    cr_assert_eq(fcntl(out[1], F_DUPFD_CLOEXEC, 60), 60);
    log_to(60);
    pid = spawn_helper("helper", &file, 1, log_beside_a_file, &file);
    fd_close(&file);
    (void)close(60);
    cr_assert_eq(WEXITSTATUS(collect(pid)), 0);
    cr_assert_str_empty(got);
    cr_assert_eq(log_fd(), 60, "ours stays");
}

/* --- descriptors --- */

Test(fd, pipes_and_flags)
{
    int fds[2], copy;

    cr_assert_eq(fd_pipe(fds, O_NONBLOCK, 0), 0);
    cr_assert(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    cr_assert_not(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    cr_assert(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(fd_nonblock(fds[1]), 0);
    cr_assert(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
    copy = fds[0];
    errno = EAGAIN;
    fd_close(&fds[0]);
    fd_close(&fds[0]); /* once more is nothing */
    cr_assert_eq(errno, EAGAIN);
    cr_assert_eq(fds[0], -1);
    cr_assert_eq(fd_nonblock(copy), -1);
    cr_assert_eq(errno, EBADF);
}
