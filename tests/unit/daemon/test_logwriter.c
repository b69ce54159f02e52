/* daemon/logwriter: everything is passed on, stderr stays as it is, and a log that nobody reads holds nobody up */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "daemon/logwriter.h"

static int ends[2]; /* of the pipe that is standard error */
static char got[1 << 20];
static int keep_stderr;
static struct logwriter writer;

static void start(void)
{
    struct loop *l = loop_new();

    cr_assert(l != NULL);
    cr_assert_eq(logwriter_start(&writer, l), 0);
    cr_assert_gt(writer.child.pid, 0);
}

/* At most 10 s. */
static void stop(void)
{
    logwriter_stop(&writer, clock_mono() + 10 * NS_PER_S);
    loop_free(writer.loop);
}

static void stderr_to_pipe(void)
{
    cr_assert_eq(fd_pipe(ends, 0, 0), 0);
    keep_stderr = dup(2);
    cr_assert_eq(dup2(ends[1], 2), 2);
    close(ends[1]);
    log_open("garnet-test");
}

static void stderr_back(void)
{
    cr_assert_eq(dup2(keep_stderr, 2), 2);
    close(keep_stderr);
}

/* Everything that is in the pipe now, as a string. */
static char *drain(void)
{
    size_t n = 0;
    ssize_t r;

    while (n < sizeof got - 1 && (r = read(ends[0], got + n, sizeof got - 1 - n)) > 0)
        n += (size_t)r;
    got[n] = 0;
    return got;
}

/* Waits for pid and returns its status. */
static int status_of(pid_t pid)
{
    int status = -1;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(logwriter, passes_everything_on_and_ends)
{
    pid_t pid;

    stderr_to_pipe();
    start();
    pid = writer.child.pid;
    cr_assert_neq(log_fd(), 2);
    for (int i = 0; i < 100; i++)
        log_info("line %d.", i);
    kill(pid, SIGTERM); /* as a terminal or an init would: it must outlive the last line */
    kill(pid, SIGINT);
    kill(pid, SIGHUP);
    log_info("the last one");
    stop();
    cr_assert_eq(log_fd(), 2);
    cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "reaped already");
    stderr_back();
    drain();
    for (int i = 0; i < 100; i++) {
        char want[32];

        (void)snprintf(want, sizeof want, "info: line %d.\n", i);
        cr_assert_not_null(strstr(got, want), "line %d", i);
    }
    cr_assert_not_null(strstr(got, "info: the last one\n"));
}

Test(logwriter, leaves_stderr_blocking)
{
    stderr_to_pipe();
    start();
    log_info("hello");
    stop();
    cr_assert_eq(fcntl(2, F_GETFL) & O_NONBLOCK, 0);
    stderr_back();
}

Test(logwriter, a_log_that_nobody_reads_costs_lines_and_no_time)
{
    int64_t began;
    pid_t pid;

    stderr_to_pipe();
    start();
    pid = writer.child.pid;
    began = clock_mono();
    for (int i = 0; log_dropped() < 10; i++) {
        log_info("%0900d", i); /* until the pipe, the writer and stderr are full */
        cr_assert_lt(i, 100000);
    }
    cr_assert_lt(clock_mono() - began, 5 * NS_PER_S);
    began = clock_mono();
    stop(); /* it gives up one second after us */
    cr_assert_lt(clock_mono() - began, 5 * NS_PER_S);
    cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "it has ended");
    stderr_back();
}

Test(logwriter, a_broken_stderr_holds_nobody_up)
{
    pid_t pid;

    stderr_to_pipe();
    close(ends[0]);
    start();
    pid = writer.child.pid;
    for (int i = 0; i < 10; i++)
        log_info("into the void");
    stop();
    cr_assert_eq(waitpid(pid, NULL, WNOHANG), -1, "it has ended");
    stderr_back();
}

Test(logwriter, ends_when_its_parent_is_killed)
{
    struct pollfd end;
    int fds[2];
    pid_t pid;

    cr_assert_eq(fd_pipe(fds, 0, 0), 0); /* the writer's stderr: closed when it has ended */
    pid = fork();
    if (pid == 0) {
        (void)dup2(fds[1], 2);
        start();
        log_info("before the kill");
        (void)raise(SIGKILL);
    }
    close(fds[1]);
    cr_assert_eq(WTERMSIG(status_of(pid)), SIGKILL);
    ends[0] = fds[0];
    for (size_t n = 0;;) {
        ssize_t r;

        end = (struct pollfd){.fd = fds[0], .events = POLLIN};
        cr_assert_eq(poll(&end, 1, 10000), 1, "the writer is still there");
        r = read(fds[0], got + n, sizeof got - 1 - n);
        if (r <= 0)
            break;
        n += (size_t)r;
        got[n] = 0;
    }
    cr_assert_not_null(strstr(got, "info: before the kill\n"));
}

Test(logwriter, one_that_is_killed_is_replaced)
{
    int64_t most = clock_mono() + 20 * NS_PER_S;
    pid_t pid;

    stderr_to_pipe();
    start();
    pid = writer.child.pid;
    kill(pid, SIGKILL);
    log_info("while there is none");
    while ((writer.child.pid == 0 || writer.child.pid == pid) && clock_mono() < most)
        (void)loop_turn(writer.loop, 100 * NS_PER_MS);
    stop();
    stderr_back();
    cr_assert_not_null(strstr(drain(), "info: while there is none\n"));
    cr_assert_not_null(strstr(got, "the log writer had died; another one writes\n"));
}
