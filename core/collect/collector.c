/* collect/collector.c - one collector, from garnetd's side: its clock, its run, its output
 *
 * One run at a time. Its keeper does the waiting and the killing; here a run ends when the keeper
 * has ended, and the report is then in the socket already. What goes wrong with a run is said in
 * the log, the same thing once a minute. No memory, no descriptors or no process for a run costs
 * that slot; the next one is tried as if nothing had been. Nothing is decided in here: sched.c says
 * when, outcome.c what an end means.
 */
#include "collect/collector.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/logpipe.h"
#include "base/random.h"
#include "base/why.h"
#include "collect/environment.h"
#include "collect/journal.h"

static const char OVERLAPPED[] = "the previous run is still going";
static const char BY_LATENESS[] = "garnetd was late";

struct run {
    struct loop_child keeper; /* pid 0: no run is alive */
    enum ending asked;        /* what we have asked the keeper to end it for */
    struct logpipe out, err;
    struct run_receipt receipt;
};

struct collector {
    struct loop *loop;
    const struct conf_collector *conf; /* borrowed */
    char *name, *socket_path;          /* our own: conf may change under a run */
    struct collector_events ev;
    int64_t (*withheld)(void *arg); /* or NULL */
    bool daemon;                    /* as it was begun: conf may change under it */
    struct schedule sched;          /* unless it is a daemon */
    struct revival revival;         /* if it is */
    int64_t revive_at;              /* mono: when a daemon's next life is due */
    struct loop_timer timer;        /* the next slot, look or start; or, when stopping, gone() */
    struct run run;
    int control;                /* our end of the keeper's socket; -1: none */
    pid_t pid;                  /* of the run; 0: not known yet */
    struct logpipe_owner owner; /* of what it prints */
    struct journal journal;
    struct collector_stats stats;
    bool stopping;
};

/* --- the log --- */

static void describe_end(const struct collector *c, struct why *why)
{
    const struct keeper_report *r = &c->run.receipt.report;

    switch (c->run.receipt.outcome) {
    case OUTCOME_SPAWN:
        keeper_describe(r, c->conf, why);
        return;
    case OUTCOME_LOST:
        why_set(why, "its keeper was killed, and with it the run");
        return;
    case OUTCOME_TIMEOUT:
        why_set(why, "ended after its timeout of %gs", (double)c->conf->timeout / (double)NS_PER_S);
        return;
    case OUTCOME_OVERLAP:
        why_set(why, "killed by overlap: the next run was due");
        return;
    case OUTCOME_SILENCE:
        why_set(why, "ended after %gs without a metric",
                (double)c->conf->silence / (double)NS_PER_S);
        return;
    default:
        break;
    }
    if (WIFSIGNALED(r->status))
        why_set(why, "killed by signal %d (%s)%s", WTERMSIG(r->status),
                strsignal(WTERMSIG(r->status)), WCOREDUMP(r->status) ? ", core dumped" : "");
    else
        why_set(why, "exit status %d", WEXITSTATUS(r->status));
}

static pid_t run_pid(struct collector *c)
{
    if (c->pid == 0 && c->control >= 0)
        c->pid = keeper_pid(c->control);
    return c->pid;
}

/* "NAME[PID]" */
static void say_line(void *arg, enum log_level level, const char *line)
{
    struct collector *c = arg;
    pid_t pid = run_pid(c);

    if (pid > 0)
        log_at(level, "collector %s[%d]: %s", c->name, (int)pid, line);
    else
        log_at(level, "collector %s: %s", c->name, line);
}

static void say_left_out(void *arg, uint64_t n)
{
    const struct collector *c = arg;

    log_warn("collector %s: it printed %" PRIu64 " more line%s, not logged", c->name, n,
             n > 1 ? "s" : "");
}

/* What a slot's timer has found missing. A slot that waited for the run before to end, and still
 * does, has given way to this one. */
static void say_misses(struct collector *c, const struct schedule *before, int64_t slot,
                       int64_t now)
{
    const struct schedule *s = &c->sched;
    uint64_t late = s->missed[MISS_LATE] - before->missed[MISS_LATE];
    uint64_t overlapped = s->missed[MISS_OVERLAP] - before->missed[MISS_OVERLAP];

    journal_missed(&c->journal, now, MISS_LATE, late, slot - s->rule.interval, BY_LATENESS);
    journal_missed(&c->journal, now, MISS_OVERLAP, overlapped,
                   before->waiting ? before->waiting_for : slot, OVERLAPPED);
    journal_look(&c->journal, now);
}

/* --- a run --- */

/* The keeper's pid, or -1 with errno. */
static pid_t start_keeper(struct collector *c, int out, int err)
{
    struct arena a = {0};
    struct keeper_job job = {.conf = c->conf,
                             .argv = environment_argv(&a, c->conf, c->socket_path),
                             .env = environment_make(&a, c->conf, c->socket_path),
                             .cwd = c->conf->cwd != NULL ? c->conf->cwd : "/",
                             .out = out,
                             .err = err,
                             .timeout = c->daemon ? INT64_MAX : c->conf->timeout,
                             .grace = c->conf->grace};
    pid_t pid = -1;

    if (arena_ok(&a))
        pid = keeper_start(&job, &c->control);
    else
        errno = ENOMEM;
    arena_free(&a); /* keeps errno: free() does, since glibc 2.33 */
    return pid;
}

static void count_end(struct collector *c)
{
    enum outcome o = c->run.receipt.outcome;

    c->stats.outcomes[o]++;
    if (o != OUTCOME_SPAWN)
        c->stats.runs++;
    else if (!c->daemon)
        schedule_unstarted(&c->sched);
    if (o == OUTCOME_OK && !c->daemon)
        c->stats.last_success_ns = clock_wall();
}

static void say_end(struct collector *c)
{
    const struct run_receipt *r = &c->run.receipt;
    struct why why;

    describe_end(c, &why);
    if (c->daemon)
        return; /* its restart will say so */
    if (r->outcome == OUTCOME_SPAWN)
        journal_missed(&c->journal, clock_mono(), MISS_SPAWN, 1, r->slot_ns, why.text);
    else if (outcome_failed(r->outcome))
        journal_trouble(&c->journal, clock_mono(), why.text);
    else if (r->outcome == OUTCOME_OK && r->report.left_behind > 0)
        journal_trouble(&c->journal, clock_mono(),
                        "left processes behind when it ended: they were killed");
}

static void start_run(struct collector *c, int64_t slot, int64_t due);
static void revive_later(struct collector *c);

static void close_run(struct collector *c)
{
    logpipe_finish(&c->run.out);
    logpipe_finish(&c->run.err);
    logpipe_owner_finish(&c->owner);
    c->run.receipt.pid = run_pid(c);
}

/* Counts, says and hands on how it ended, and sees to what follows. The event may call
 * collector_stop(). */
static void end_run(struct collector *c, const struct keeper_report *r)
{
    struct run *run = &c->run;
    int64_t slot;

    run->receipt.outcome = outcome_of(r, run->asked);
    run->receipt.report = r != NULL ? *r : (struct keeper_report){.end = KEEPER_FAILED};
    fd_close(&c->control);
    count_end(c);
    say_end(c);
    c->ev.ended(c->ev.arg, &run->receipt);
    if (c->stopping)
        return;
    if (c->daemon)
        revive_later(c);
    else if (schedule_freed(&c->sched, &slot))
        start_run(c, slot, c->sched.run_due);
}

static void on_keeper_end(void *arg, int status, const struct rusage *ru)
{
    struct collector *c = arg;
    struct keeper_report report;
    bool stopping = c->stopping; /* else gone() comes from a timer, if ended() stops it */

    (void)ru;
    (void)status; /* a keeper that was killed has sent no report */
    close_run(c);
    end_run(c, keeper_report(c->control, &report) ? &report : NULL);
    if (stopping)
        c->ev.gone(c->ev.arg); /* c may be freed by now */
}

static int launch(struct collector *c)
{
    struct run *run = &c->run;
    int out = logpipe_open(&run->out, c->loop, &c->owner, LOG_L_INFO, 0);
    int err = out < 0 ? -1 : logpipe_open(&run->err, c->loop, &c->owner, LOG_L_WARN, 0);
    pid_t pid = err < 0 ? -1 : start_keeper(c, out, err);

    fd_close(&out);
    fd_close(&err);
    if (pid < 0)
        return -1;
    loop_child_add(c->loop, &run->keeper, pid, on_keeper_end, c);
    return 0;
}

static void start_run(struct collector *c, int64_t slot, int64_t due)
{
    struct keeper_report failed = {.end = KEEPER_FAILED};

    c->ev.started(c->ev.arg, slot);
    c->run.receipt = (struct run_receipt){.slot_ns = slot, .lateness_ns = clock_mono() - due};
    c->run.asked = ENDING_NONE;
    c->pid = 0;
    if (launch(c) == 0)
        return;
    failed.error = errno;
    close_run(c);
    end_run(c, &failed);
}

static void end_early(struct collector *c, enum ending why)
{
    c->run.asked = why;
    keeper_stop(c->control);
}

/* The timer is armed again before the run, whose events may stop the collector. */
static void on_slot(void *arg)
{
    struct collector *c = arg;
    const struct schedule before = c->sched;
    int64_t now = clock_mono(), slot;
    enum schedule_action action =
        schedule_due(&c->sched, clock_wall(), now, collector_running(c), &slot);

    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
    if (action == SCHEDULE_WAIT)
        return;
    say_misses(c, &before, slot, now);
    if (action == SCHEDULE_RUN)
        start_run(c, slot, c->sched.run_due);
    else if (action == SCHEDULE_REPLACE)
        end_early(c, ENDING_OVERLAP);
}

/* --- a daemon's life --- */

/* Notes when something has come of it. True when nothing has for too long. */
static bool look(struct collector *c)
{
    uint64_t known = c->revival.accepted;
    bool silent;

    if (c->withheld != NULL)
        revival_excuse(&c->revival, c->withheld(c->ev.arg));
    silent = revival_look(&c->revival, clock_mono(), c->ev.accepted(c->ev.arg));
    if (c->revival.accepted != known)
        c->stats.last_success_ns = clock_wall();
    return silent;
}

static void on_look(void *arg)
{
    struct collector *c = arg;

    if (look(c)) {
        end_early(c, ENDING_SILENCE); /* and then revive_later() */
        return;
    }
    loop_timer_set(c->loop, &c->timer, revival_next_look(&c->revival, clock_mono()), on_look, c);
}

/* The timer is armed before the run, which may fail at once and then wants it for another try. */
static void start_life(void *arg)
{
    struct collector *c = arg;
    int64_t now = clock_mono();

    revival_started(&c->revival, now, c->ev.accepted(c->ev.arg));
    loop_timer_set(c->loop, &c->timer, revival_next_look(&c->revival, now), on_look, c);
    start_run(c, 0, c->revive_at);
}

static void on_revival(void *arg)
{
    struct collector *c = arg;

    c->stats.restarts++;
    start_life(c);
}

static void revive_later(struct collector *c)
{
    int64_t now = clock_mono(), pause;
    struct why why;

    (void)look(c);
    pause = revival_ended(&c->revival, now, c->ev.accepted(c->ev.arg), random_u64());
    describe_end(c, &why);
    log_warn("collector %s: %s; starting it again in %.1fs", c->name, why.text,
             (double)pause / (double)NS_PER_S);
    c->revive_at = now + pause;
    loop_timer_set(c->loop, &c->timer, c->revive_at, on_revival, c);
}

/* --- a collector --- */

static void begin(struct collector *c, const char *host)
{
    const struct conf_collector *conf = c->conf;
    const struct schedule_rule rule = {conf->interval,
                                       schedule_offset(host, conf->name, conf->splay),
                                       conf->overlap == OVERLAP_KILL};
    int64_t now = clock_mono();

    if (c->daemon) {
        revival_init(&c->revival, conf->interval, conf->silence);
        c->revive_at = now;
        loop_timer_set(c->loop, &c->timer, now, start_life, c);
        return;
    }
    schedule_start(&c->sched, &rule, clock_wall(), now);
    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
}

struct collector *collector_new(struct loop *l, const struct conf_collector *conf, const char *host,
                                const char *socket_path, const struct collector_events *ev)
{
    struct collector *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->loop = l;
    c->conf = conf;
    c->ev = *ev;
    c->daemon = conf->mode == MODE_DAEMON;
    logpipe_init(&c->run.out);
    logpipe_init(&c->run.err);
    c->name = strdup(conf->name);
    c->socket_path = strdup(socket_path);
    if (c->name == NULL || c->socket_path == NULL) {
        collector_free(c);
        errno = ENOMEM;
        return NULL;
    }
    c->control = -1;
    c->owner = (struct logpipe_owner){.say = say_line, .left_out = say_left_out, .arg = c};
    journal_init(&c->journal, c->name);
    begin(c, host);
    return c;
}

void collector_withheld_by(struct collector *c, int64_t (*fn)(void *arg))
{
    c->withheld = fn;
}

void collector_adopt(struct collector *c, const struct conf_collector *conf)
{
    c->conf = conf;
}

static void on_gone(void *arg)
{
    struct collector *c = arg;

    c->ev.gone(c->ev.arg);
}

void collector_stop(struct collector *c)
{
    if (c->stopping)
        return;
    c->stopping = true;
    loop_timer_clear(c->loop, &c->timer);
    if (collector_running(c))
        end_early(c, ENDING_STOP);
    else
        loop_timer_set(c->loop, &c->timer, loop_now(c->loop), on_gone, c);
}

void collector_kill(struct collector *c)
{
    if (collector_running(c))
        (void)kill(c->run.keeper.pid, SIGKILL);
}

bool collector_running(const struct collector *c)
{
    return c->run.keeper.pid != 0;
}

void collector_stats(const struct collector *c, struct collector_stats *out)
{
    *out = c->stats;
    out->sched = &c->sched;
}

void collector_free(struct collector *c)
{
    if (c == NULL)
        return;
    if (collector_running(c))
        panic("collector %s: freed while it runs", c->name);
    loop_timer_clear(c->loop, &c->timer);
    if (c->journal.name != NULL)
        journal_flush(&c->journal);
    free(c->name);
    free(c->socket_path);
    free(c);
}
