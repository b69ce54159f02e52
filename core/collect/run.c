/* collect/run.c - a keeper for the run, two pipes for its output. A keeper that was killed has left no
 * report; the run's pid is sent before anything of it happens, so without that it has not begun, and is
 * asked for once more. No memory, no descriptors or no process for a run is an outcome like another.
 */
#include "collect/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "collect/job.h"
#include "keep/keeping.h"

static pid_t run_pid(struct run *r)
{
    if (r->pid == 0 && r->keeper != NULL)
        r->pid = keeping_pid(r->keeper->control);
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

void run_init(struct run *r, struct keepers *keepers, const char *name, void (*over)(void *arg),
              void *arg)
{
    *r = (struct run){.keepers = keepers,
                      .name = name,
                      .owner = {.say = say_line, .left_out = say_left_out, .arg = r},
                      .over = over,
                      .arg = arg};
    (void)snprintf(r->who, sizeof r->who, "collector %s: the run", name);
    logpipe_init(&r->out);
    logpipe_init(&r->err);
}

static void say_hang(struct run *r)
{
    r->hangs = true;
    r->unkillable++;
    log_error(
        "collector %s: KILL has not ended all of its run (process %d) within 2 s: it hangs in "
        "the kernel, on a dead disk or mount; no other run of it begins before that is over",
        r->name, (int)r->pid);
}

static void say_hang_over(const struct run *r, bool ended)
{
    if (ended)
        log_info("collector %s: the run that hung in the kernel has ended", r->name);
    else
        log_error(
            "collector %s: its run (process %d), which hangs in the kernel, is left behind: it "
            "ends once the kernel lets it",
            r->name, (int)r->pid);
}

/* `report` NULL: its keeper has left none. */
static void close_run(struct run *r, const struct keeper_report *report)
{
    struct keeper_report none = {.end = KEEPER_NONE};

    r->deserted = report == NULL && run_pid(r) == 0;
    if (r->deserted) {
        why_set(&none.failure.why, "has lost its keeper (somebody killed it) before it had begun");
        report = &none;
    }
    logpipe_finish(&r->out);
    logpipe_finish(&r->err);
    logpipe_owner_finish(&r->owner);
    if (r->hangs)
        say_hang_over(r, report != NULL);
    r->receipt.pid = r->pid;
    r->receipt.outcome = outcome_of(report, r->asked);
    r->receipt.report = report != NULL ? *report : (struct keeper_report){.end = KEEPER_FAILED};
    if (r->keeper != NULL)
        keepers_give_back(r->keeper, report != NULL && report->end != KEEPER_NONE);
    r->keeper = NULL;
}

/* The pid is in front of the report. A keeper that was killed has sent none. */
static void on_keeper_said(void *arg)
{
    struct run *r = arg;
    struct keeper_report report;
    int control = r->keeper->control, error;

    (void)run_pid(r);
    if (keeping_hear(control) == KEEPING_HANGS)
        say_hang(r);
    if ((error = keeping_refused(control)) != 0) {
        report = (struct keeper_report){.end = KEEPER_NONE,
                                        .failure = {.error = error, .step = STEP_START}};
        close_run(r, &report);
    } else if (keeper_report(control, &report)) {
        close_run(r, &report);
    } else if (keeping_gone(control)) {
        close_run(r, NULL);
    } else {
        return;
    }
    r->over(r->arg);
}

static int send_run(int control, const void *job)
{
    return job_send(control, job);
}

/* launch_bound() */
static uint64_t sort_of(const struct conf_collector *c)
{
    return (uint64_t)c->identity.uid << 1 | (c->no_new_privs != 0);
}

/* Who runs as another user and opens /dev/stderr (`echo >/dev/stderr`), opens the pipe anew. No other user comes to it so:
 * only who may look into its processes does. */
static void let_write(int fd)
{
    (void)fchmod(fd, S_IRUSR | S_IWUSR | S_IWGRP | S_IWOTH);
}

/* False with errno. */
static bool begin_run(struct run *r, const struct conf_collector *conf, const struct run_ends *ends,
                      int out, int err)
{
    struct arena a = {0};
    struct keeper_job job = {.timeout = conf->mode == MODE_DAEMON ? INT64_MAX : conf->timeout,
                             .grace = conf->grace,
                             .garnetd = getpid()};
    const struct keeper_use use = {.kind = NURSERY_RUNS,
                                   .sort = sort_of(conf),
                                   .who = r->who,
                                   .job = &job,
                                   .send = send_run,
                                   .said = on_keeper_said,
                                   .arg = r};

    errno = ENOMEM;
    if (launch_prepare(&job.launch, &a, conf)) {
        job.launch.out = ends->out > 0 ? ends->out : out;
        job.launch.err = err;
        let_write(job.launch.out);
        let_write(job.launch.err);
        job.launch.in = ends->in;
        job.launch.status = ends->status;
        r->keeper = keepers_begin(r->keepers, &use);
    }
    arena_free(&a); /* keeps errno: free() does, since glibc 2.33 */
    return r->keeper != NULL;
}

static bool try_run(struct run *r, const struct conf_collector *conf, const struct run_ends *ends,
                    int64_t slot_ns)
{
    struct keeper_report failed = {.end = KEEPER_FAILED};
    int64_t now = clock_mono();
    int out, err;
    bool begun;

    r->receipt = (struct run_receipt){.slot_ns = slot_ns, .lateness_ns = now - r->due};
    r->asked = ENDING_NONE;
    r->hangs = false;
    r->pid = 0;
    r->tries++;
    out = logpipe_open(&r->out, r->keepers->loop, &r->owner, LOG_L_INFO, 0);
    err = out < 0 ? -1 : logpipe_open(&r->err, r->keepers->loop, &r->owner, LOG_L_WARN, 0);
    begun = err >= 0 && begin_run(r, conf, ends, out, err);
    failed.failure.error = errno;
    fd_close(&out);
    fd_close(&err);
    if (!begun)
        close_run(r, &failed);
    return begun;
}

bool run_start(struct run *r, const struct conf_collector *conf, const struct run_ends *ends,
               int64_t slot_ns, int64_t due)
{
    r->due = due;
    r->tries = 0;
    return try_run(r, conf, ends, slot_ns);
}

bool run_again(struct run *r, const struct conf_collector *conf, const struct run_ends *ends)
{
    return r->deserted && r->tries == 1 && r->asked == ENDING_NONE &&
           try_run(r, conf, ends, r->receipt.slot_ns);
}

bool run_alive(const struct run *r)
{
    return r->keeper != NULL;
}

void run_end(struct run *r, enum ending why)
{
    r->asked = why;
    keeper_stop(r->keeper->control);
}

void run_abandon(struct run *r)
{
    keepers_kill(r->keeper);
    close_run(r, NULL);
    r->over(r->arg);
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
    case OUTCOME_CONVERTER:
        *why = r->converter;
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
