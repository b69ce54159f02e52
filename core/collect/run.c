/* collect/run.c - a keeper per run, two pipes for its output. When the keeper has ended its report
 * is in the socket already; one that was killed has left none. No memory, no descriptors or no
 * process for a run is an outcome like another.
 */
#include "collect/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

static pid_t run_pid(struct run *r)
{
    if (r->pid == 0 && r->control >= 0)
        r->pid = keeper_pid(r->control);
    return r->pid;
}

static void say_line(void *arg, enum log_level level, const char *line)
{
    struct run *r = arg;
    pid_t pid = run_pid(r);

    if (pid > 0)
        log_at(level, "collector %s[%d]: %s", r->name, (int)pid, line);
    else
        log_at(level, "collector %s: %s", r->name, line);
}

static void say_left_out(void *arg, uint64_t n)
{
    const struct run *r = arg;

    log_warn("collector %s: it printed %" PRIu64 " more line%s, not logged", r->name, n,
             n > 1 ? "s" : "");
}

void run_init(struct run *r, struct loop *l, const char *name, void (*over)(void *arg), void *arg)
{
    *r = (struct run){.loop = l,
                      .name = name,
                      .control = -1,
                      .owner = {.say = say_line, .left_out = say_left_out, .arg = r},
                      .over = over,
                      .arg = arg};
    logpipe_init(&r->out);
    logpipe_init(&r->err);
}

/* `report` NULL: its keeper has left none. */
static void close_run(struct run *r, const struct keeper_report *report)
{
    logpipe_finish(&r->out);
    logpipe_finish(&r->err);
    logpipe_owner_finish(&r->owner);
    r->receipt.pid = r->pid;
    r->receipt.outcome = outcome_of(report, r->asked);
    r->receipt.report = report != NULL ? *report : (struct keeper_report){.end = KEEPER_FAILED};
    fd_close(&r->control);
}

/* A keeper that was killed has sent no report. */
static void on_keeper_end(void *arg, int status, const struct rusage *ru)
{
    struct run *r = arg;
    struct keeper_report report;

    (void)status, (void)ru;
    (void)run_pid(r); /* it is in front of the report */
    close_run(r, keeper_report(r->control, &report) ? &report : NULL);
    r->over(r->arg);
}

/* The keeper's pid, or -1 with errno. */
static pid_t start_keeper(struct run *r, const struct conf_collector *conf, int out, int err)
{
    struct arena a = {0};
    struct keeper_job job = {.timeout = conf->mode == MODE_DAEMON ? INT64_MAX : conf->timeout,
                             .grace = conf->grace};
    pid_t pid = -1;

    errno = ENOMEM;
    if (launch_prepare(&job.launch, &a, conf)) {
        job.launch.out = out;
        job.launch.err = err;
        pid = keeper_start(&job, &r->control);
    }
    arena_free(&a); /* keeps errno: free() does, since glibc 2.33 */
    return pid;
}

bool run_start(struct run *r, const struct conf_collector *conf, int64_t slot_ns, int64_t due)
{
    struct keeper_report failed = {.end = KEEPER_FAILED};
    int out, err;
    pid_t pid;

    r->receipt = (struct run_receipt){.slot_ns = slot_ns, .lateness_ns = clock_mono() - due};
    r->asked = ENDING_NONE;
    r->pid = 0;
    out = logpipe_open(&r->out, r->loop, &r->owner, LOG_L_INFO, 0);
    err = out < 0 ? -1 : logpipe_open(&r->err, r->loop, &r->owner, LOG_L_WARN, 0);
    pid = err < 0 ? -1 : start_keeper(r, conf, out, err);
    failed.failure.error = errno;
    fd_close(&out);
    fd_close(&err);
    if (pid > 0) {
        loop_child_add(r->loop, &r->keeper, pid, on_keeper_end, r);
        return true;
    }
    close_run(r, &failed);
    return false;
}

bool run_alive(const struct run *r)
{
    return r->keeper.pid != 0;
}

void run_end(struct run *r, enum ending why)
{
    r->asked = why;
    keeper_stop(r->control);
}

void run_kill(struct run *r)
{
    if (run_alive(r))
        (void)kill(r->keeper.pid, SIGKILL);
}

void run_describe(const struct run_receipt *r, const struct conf_collector *conf, struct why *why)
{
    int status = r->report.status;

    switch (r->outcome) {
    case OUTCOME_SPAWN:
        launch_describe(&r->report.failure, conf, why);
        return;
    case OUTCOME_LOST:
        why_set(why, "its keeper was killed, and with it the run");
        return;
    case OUTCOME_TIMEOUT:
        why_set(why, "ended after its timeout of %gs", (double)conf->timeout / (double)NS_PER_S);
        return;
    case OUTCOME_OVERLAP:
        why_set(why, "killed by overlap: the next run was due");
        return;
    case OUTCOME_SILENCE:
        why_set(why, "ended after %gs without a metric", (double)conf->silence / (double)NS_PER_S);
        return;
    default:
        break;
    }
    if (WIFSIGNALED(status))
        why_set(why, "killed by signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                WCOREDUMP(status) ? ", core dumped" : "");
    else
        why_set(why, "exit status %d", WEXITSTATUS(status));
}
