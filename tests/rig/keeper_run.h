/* tests/rig/keeper_run.h - one run under a real keeper, watched from garnetd's side
 */
#ifndef TESTS_KEEPER_RUN_H
#define TESTS_KEEPER_RUN_H
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "collect/keeper.h"
#include "rig/processes.h"

#define LONG (60 * NS_PER_S)

static char mark[64];
/* What the next run is: a test alters it before. */
static struct conf_collector who = {.name = "probe",
                                    .cwd = "/",
                                    .no_new_privs = 1,
                                    .identity = {.uid = (uid_t)-1, .gid = (gid_t)-1},
                                    .limits = {-1, -1, -1, -1, -1}};

struct run {
    pid_t keeper;
    int control, out; /* our ends */
    struct keeper_report report;
};

static inline void start_argv(struct run *r, const char *const *argv, const char *cwd,
                              int64_t timeout, int64_t grace)
{
    const char *env[] = {"PATH=/usr/bin:/bin", mark, NULL};
    struct keeper_job job = {
        .conf = &who, .argv = argv, .env = env, .cwd = cwd, .timeout = timeout};
    int out[2];

    (void)snprintf(mark, sizeof mark, "GARNET_TEST_MARK=%d-%d", (int)getpid(), rand());
    cr_assert_eq(fd_pipe(out, 0, 0), 0);
    job.out = out[1];
    job.err = fcntl(out[1], F_DUPFD_CLOEXEC, 0);
    cr_assert(job.err >= 0);
    job.grace = grace;
    *r = (struct run){.control = -1, .out = out[0]};
    r->keeper = keeper_start(&job, &r->control);
    cr_assert(r->keeper > 0 && r->control >= 0);
    fd_close(&out[1]);
    fd_close(&job.err);
}

static inline void start(struct run *r, const char *script, int64_t timeout, int64_t grace)
{
    const char *argv[] = {"/bin/sh", "-c", script, "collector", "/the/socket", NULL};

    start_argv(r, argv, "/", timeout, grace);
}

/* Reads until the run has said `word`. */
static inline void wait_said(const struct run *r, const char *word)
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

/* Waits for the keeper: after it there must be its report, and nothing else. */
static inline void finish(struct run *r)
{
    int status = -1;

    cr_assert_eq(waitpid(r->keeper, &status, 0), r->keeper);
    cr_assert_eq(status, 0);
    cr_assert(keeper_report(r->control, &r->report));
    cr_assert_not(keeper_report(r->control, &r->report), "one report");
    cr_assert_eq(processes_marked(mark), 0);
    fd_close(&r->control);
    fd_close(&r->out);
}

static inline void run(struct run *r, const char *script, int64_t timeout, int64_t grace)
{
    start(r, script, timeout, grace);
    finish(r);
}

static inline bool killed_by(const struct run *r, int signo)
{
    return WIFSIGNALED(r->report.status) && WTERMSIG(r->report.status) == signo;
}

#endif
