/* tests/rig/keeper_run.c - a mark in its environment tells what is left of a run */
#include "rig/keeper_run.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/process.h"
#include "collect/job.h"
#include "rig/processes.h"

struct keeper_rig keeper_rig = {.collector = {.name = "probe",
                                              .cwd = "/",
                                              .no_new_privs = 1,
                                              .identity = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                                              .limits = {-1, -1, -1, -1, -1}}};

void next_run_argv(struct run *r, const char *const *argv, const char *cwd, int64_t timeout,
                   int64_t grace)
{
    const char *env[] = {"PATH=/usr/bin:/bin", keeper_rig.mark, NULL};
    struct keeper_job job = {
        .launch = {.conf = &keeper_rig.collector, .argv = argv, .env = env, .cwd = cwd},
        .timeout = timeout,
        .grace = grace,
        .garnetd = getpid()};
    int out[2];

    (void)snprintf(keeper_rig.mark, sizeof keeper_rig.mark, "GARNET_TEST_MARK=%d-%d", (int)getpid(),
                   rand());
    (void)snprintf(r->mark, sizeof r->mark, "%s", keeper_rig.mark);
    cr_assert_eq(fd_pipe(out, 0, 0), 0);
    job.launch.out = out[1];
    job.launch.err = fcntl(out[1], F_DUPFD_CLOEXEC, 0);
    cr_assert(job.launch.err >= 0);
    r->out = out[0];
    cr_assert_eq(job_send(r->control, &job), 0);
    fd_close(&out[1]);
    fd_close(&job.launch.err);
}

void start_run_argv(struct run *r, const char *const *argv, const char *cwd, int64_t timeout,
                    int64_t grace)
{
    int pair[2];

    cr_assert_eq(keeping_pair(pair), 0);
    *r = (struct run){.control = pair[0], .out = -1};
    r->keeper = spawn_helper("garnetd-keep", &pair[1], 1, keeper_keep_runs, &pair[1]);
    cr_assert(r->keeper > 0);
    fd_close(&pair[1]);
    next_run_argv(r, argv, cwd, timeout, grace);
}

void start_run(struct run *r, const char *script, int64_t timeout, int64_t grace)
{
    const char *argv[] = {"/bin/sh", "-c", script, "collector", "/the/socket", NULL};

    start_run_argv(r, argv, "/", timeout, grace);
}

void next_run(struct run *r, const char *script)
{
    const char *argv[] = {"/bin/sh", "-c", script, "collector", "/the/socket", NULL};

    next_run_argv(r, argv, "/", LONG, LONG);
}

void wait_said(const struct run *r, const char *word)
{
    char text[512];
    size_t n = 0;
    ssize_t got = 1;

    text[0] = 0;
    while (got > 0 && strstr(text, word) == NULL) {
        got = read(r->out, text + n, sizeof text - 1 - n);
        n += got > 0 ? (size_t)got : 0;
        text[n] = 0;
    }
    cr_assert(strstr(text, word) != NULL, "the run ended without saying \"%s\"", word);
}

void start_chain(struct run *r)
{
    static const char *const argv[] = {
        "/usr/bin/perl", "-MPOSIX", "-e",
        "$| = 1; if (fork()) { sleep 1000 } POSIX::setsid();"
        "for (my $i = 0; ; $i++) {"
        "  my $pid = fork(); POSIX::_exit(0) if $pid; POSIX::setsid();"
        "  print \"far\\n\" if $i == 100; }",
        NULL};

    start_run_argv(r, argv, "/", LONG, LONG);
    wait_said(r, "far");
}

void take_report(struct run *r)
{
    (void)keeping_pid(r->control);
    while (!keeper_report(r->control, &r->report)) {
        struct pollfd said = {.fd = r->control, .events = POLLIN};

        cr_assert_not(keeping_gone(r->control), "the keeper has ended without a report");
        (void)keeping_pid(r->control);
        (void)keeping_hear(r->control);
        cr_assert(poll(&said, 1, -1) == 1);
    }
    cr_assert_not(keeper_report(r->control, &r->report), "one report");
    cr_assert_eq(processes_marked(keeper_rig.mark), 0);
    fd_close(&r->out);
}

void finish_run(struct run *r)
{
    int status = -1;

    take_report(r);
    cr_assert_not(keeping_gone(r->control), "it waits for the next");
    fd_close(&r->control);
    cr_assert_eq(waitpid(r->keeper, &status, 0), r->keeper);
    cr_assert_eq(status, 0);
}

void run_to_end(struct run *r, const char *script, int64_t timeout, int64_t grace)
{
    start_run(r, script, timeout, grace);
    finish_run(r);
}

bool killed_by(const struct run *r, int signo)
{
    return WIFSIGNALED(r->report.status) && WTERMSIG(r->report.status) == signo;
}
