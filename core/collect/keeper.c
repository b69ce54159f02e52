/* collect/keeper.c - keep/keeping.h with jobs, a deadline, which holds for a collector whose exec hangs, too
 * (collect/launch.h), and a control group
 *
 * The keeper stays garnetd's user. It can signal a collector that is another one, as root or with
 * CAP_KILL; a garnetd that has CAP_SETUID alone can start such a run but not end it. A stop that crossed
 * with the report is read between two runs, and is for neither. If the keeper itself is killed from
 * outside, the nursery inherits what it kept, and ends it.
 */
#include "collect/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "collect/cgroup.h"
#include "collect/job.h"
#include "keep/keeping.h"

/* Between TERM and KILL once garnetd is gone. */
static const int64_t ORPHAN_GRACE = 500 * NS_PER_MS;
#define NEVER INT64_MAX

enum step { ALIVE, TERMED, KILLED };

struct keeper {
    struct keeping keeping;
    struct keeper_job job; /* the one at hand */
    struct cgroup cgroup;
    struct starter starter;
    struct launch_order order;
    struct launch_failure *failure; /* the page that is shared with the collector until its exec */
    enum step step;
    int64_t started, deadline; /* mono */
    struct keeper_report report;
};

static int64_t later(int64_t now, int64_t ns)
{
    return ns < NEVER - now ? now + ns : NEVER;
}

/* --- the collector's end --- */

static void ask_end(struct keeper *k, enum keeper_end why, int64_t grace)
{
    int64_t deadline = later(clock_mono(), grace);

    if (k->step == ALIVE) {
        k->report.end = why;
        k->step = TERMED;
        k->deadline = deadline;
        keeping_signal(&k->keeping, SIGTERM);
    } else if (k->step == TERMED && deadline < k->deadline) {
        k->deadline = deadline;
    }
}

static void deadline_passed(struct keeper *k)
{
    if (k->step == ALIVE) {
        ask_end(k, KEEPER_TIMEOUT, k->job.grace);
    } else if (k->step == TERMED) {
        k->step = KILLED;
        k->deadline = later(clock_mono(), KEEPING_KILL_TAKES);
        keeping_signal(&k->keeping, SIGKILL);
    } else {
        k->deadline = NEVER;
        keeping_say_hangs(&k->keeping);
    }
}

static void obey(struct keeper *k, int word)
{
    if (word != KEEPING_NOTHING)
        ask_end(k, KEEPER_STOPPED, word == KEEPING_GONE ? ORPHAN_GRACE : k->job.grace);
}

static int64_t to_ns(struct timeval tv)
{
    return (int64_t)tv.tv_sec * NS_PER_S + (int64_t)tv.tv_usec * 1000;
}

static void note_end(struct keeper *k)
{
    const struct rusage *ru = &k->keeping.used;

    k->report.status = k->keeping.status;
    k->report.duration_ns = clock_mono() - k->started;
    k->report.user_ns = to_ns(ru->ru_utime);
    k->report.system_ns = to_ns(ru->ru_stime);
    k->report.max_rss = (int64_t)ru->ru_maxrss * 1024;
    if (k->failure->error != 0) {
        k->report.end = KEEPER_FAILED;
        k->report.failure = *k->failure;
    }
}

static void keep_collector(struct keeper *k)
{
    while (keeping_reap(&k->keeping) && k->keeping.pid > 0) {
        if (clock_mono() >= k->deadline)
            deadline_passed(k);
        obey(k, keeping_wait(&k->keeping, k->deadline));
    }
    note_end(k);
}

static void kill_cgroup(void *arg)
{
    cgroup_kill(arg);
}

/* --- the beginning --- */

/* 0, or -1 with errno and the step that failed in the report: it will never run. */
static int start_collector(struct keeper *k)
{
    pid_t pid;

    if (k->failure == NULL && (k->failure = launch_page()) == NULL)
        return -1;
    *k->failure = (struct launch_failure){0};
    k->report.failure.step = STEP_CGROUP;
    if (cgroup_make(&k->cgroup, k->job.launch.conf, k->job.garnetd) < 0)
        return -1;
    launch_bound(k->job.launch.conf);
    k->report.failure.step = STEP_START;
    k->started = clock_mono();
    k->deadline = later(k->started, k->job.timeout);
    k->order = (struct launch_order){.launch = &k->job.launch,
                                     .cgroup = &k->cgroup,
                                     .control = k->keeping.control,
                                     .failure = k->failure};
    pid = launch_collector(&k->starter, &k->order);
    if (pid < 0)
        return -1;
    keeping_anew(&k->keeping, pid);
    return 0;
}

static void report(struct keeper *k)
{
    keeping_report(&k->keeping, &k->report, sizeof k->report);
}

static void report_unstarted(struct keeper *k)
{
    k->report.end = KEEPER_FAILED;
    k->report.failure.error = errno;
    cgroup_remove(&k->cgroup);
    report(k);
}

/* Else nobody would see their end. Their numbers stay in the job: the child may be about to read them there. */
static void close_ends(const struct launch *l)
{
    int ends[] = {l->out, l->err, l->in, l->status};

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends[i] > 0)
            fd_close(&ends[i]);
}

static void keep_run(struct keeper *k)
{
    int started = start_collector(k);

    close_ends(&k->job.launch);
    if (started < 0) {
        report_unstarted(k);
        return;
    }
    keep_collector(k);
    (void)keeping_kill_rest(&k->keeping, INT64_MAX, kill_cgroup, &k->cgroup);
    cgroup_remove(&k->cgroup);
    k->report.left_behind = k->keeping.left_behind;
    report(k);
}

static void next_job(struct keeper *k)
{
    struct arena a = {0};

    k->report = (struct keeper_report){0};
    k->step = ALIVE;
    cgroup_init(&k->cgroup);
    switch (job_take(k->keeping.control, &a, &k->job)) {
    case JOB_TAKEN:
        keep_run(k);
        break;
    case JOB_BAD:
        close_ends(&k->job.launch);
        report_unstarted(k);
        break;
    case JOB_NONE:
        break;
    case JOB_END:
        fd_close(&k->keeping.control);
        break;
    }
    arena_free(&a);
}

int keeper_keep_runs(void *end)
{
    struct keeper k = {0};

    keeping_begin(&k.keeping, *(const int *)end);
    while (k.keeping.control >= 0)
        if (process_await(k.keeping.control, NEVER, &k.keeping.waiting))
            next_job(&k);
    return 0;
}

/* --- for garnetd --- */

void keeper_stop(int control)
{
    keeping_tell(control, KEEPING_TERM);
}

bool keeper_report(int control, struct keeper_report *out)
{
    return keeping_take(control, out, sizeof *out);
}
