/* sched/collector.c - one collector, from garnetd's side: its clock, its run, its output
 *
 * One run at a time. Its keeper does the waiting and the killing; here a run ends when the keeper
 * has ended, and the report is then in the socket already. What goes wrong with a run is said in
 * the log, the same thing once a minute. No memory, no descriptors or no process for a run costs
 * that slot; the next one is tried as if nothing had been.
 */
#include "sched/collector.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "sched/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define SAME_AGAIN (60 * NS_PER_S) /* the same trouble is logged this often */

/* Of garnetd's own environment a collector sees these. */
static const char *const PASSED_ON[] = {"PATH", "HOME", "LANG",   "LC_ALL",
                                        "TZ",   "USER", "TMPDIR", "LOGNAME"};
static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

enum { PASSED = sizeof PASSED_ON / sizeof *PASSED_ON, OWN = 3 };

struct trouble { /* what was logged last */
    char text[256];
    int64_t at;    /* mono */
    uint64_t more; /* the same since then, not logged */
};

struct run {
    struct loop_child keeper; /* pid 0: no run is alive */
    int control;
    struct output out, err;
    struct run_receipt receipt;
};

struct collector {
    struct loop *loop;
    const struct conf_collector *conf; /* borrowed */
    char *name, *socket_path;          /* our own: conf may change under a run */
    struct collector_events ev;
    struct sched sched;
    struct loop_timer timer; /* the next slot; or, when stopping, gone() */
    struct run run;
    struct collector_stats stats;
    struct trouble trouble;
    bool overlapping, late; /* the last slot was missed so: said already */
    bool stopping;
};

/* --- the log --- */

LOG_PRINTF(2, 3) static void say_trouble(struct collector *c, const char *fmt, ...)
{
    struct trouble *t = &c->trouble;
    int64_t now = clock_mono();
    char text[sizeof t->text];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (strcmp(text, t->text) == 0 && now - t->at < SAME_AGAIN) {
        t->more++;
        return;
    }
    if (t->more > 0)
        log_warn("collector %s: %s (%" PRIu64 " times more)", c->name, t->text, t->more);
    log_warn("collector %s: %s", c->name, text);
    memcpy(t->text, text, sizeof text);
    t->at = now;
    t->more = 0;
}

static void say_missed(const struct collector *c, int64_t slot, const char *why)
{
    time_t seconds = (time_t)(slot / NS_PER_S);
    char when[32] = "";
    struct tm tm;

    if (gmtime_r(&seconds, &tm) != NULL)
        (void)strftime(when, sizeof when, "%FT%T", &tm);
    log_warn("collector %s: missed the slot of %s.%03dZ: %s", c->name, when,
             (int)(slot % NS_PER_S / NS_PER_MS), why);
}

/* Only the first of misses in a row; all of them are counted. */
static void say_misses(struct collector *c, const uint64_t before[MISS_REASONS], int64_t slot)
{
    bool overlapping = c->sched.missed[MISS_OVERLAP] > before[MISS_OVERLAP];
    bool late = c->sched.missed[MISS_LATE] > before[MISS_LATE];

    if (overlapping && !c->overlapping)
        say_missed(c, slot, "the previous run is still going");
    if (late && !c->late)
        say_missed(c, slot - c->sched.interval, "garnetd was late");
    c->overlapping = overlapping;
    c->late = late;
}

static void say_end(struct collector *c, const struct keeper_report *r)
{
    if (r->end == KEEPER_FAILED && r->error == ECHILD)
        say_trouble(c, "its keeper was killed: what the run has started may be there still");
    else if (r->end == KEEPER_FAILED)
        say_trouble(c, "cannot run %s: %s", c->conf->command.v[0], strerror(r->error));
    else if (r->end == KEEPER_TIMEOUT)
        say_trouble(c, "ended after its timeout of %gs",
                    (double)c->conf->timeout / (double)NS_PER_S);
    else if (WIFSIGNALED(r->status))
        say_trouble(c, "killed by signal %d (%s)%s", WTERMSIG(r->status),
                    strsignal(WTERMSIG(r->status)), WCOREDUMP(r->status) ? ", core dumped" : "");
    else
        say_trouble(c, "exit status %d", WEXITSTATUS(r->status));
}

/* --- what the run is given --- */

/* "10", "0.1": seconds, never with an exponent. */
static const char *seconds_text(struct arena *a, int64_t ns)
{
    char *s = arena_printf(a, "%" PRId64 ".%09" PRId64, ns / NS_PER_S, ns % NS_PER_S);
    size_t n = s != NULL ? strlen(s) : 0;

    while (n > 0 && s[n - 1] == '0')
        s[--n] = 0;
    if (n > 0 && s[n - 1] == '.')
        s[--n] = 0;
    return s;
}

static const char **make_env(struct arena *a, const struct collector *c)
{
    const char **env = arena_alloc(a, (PASSED + OWN + 1) * sizeof *env);
    const char *interval = seconds_text(a, c->conf->interval);
    size_t n = 0;

    if (env == NULL || interval == NULL)
        return NULL;
    for (size_t i = 0; i < PASSED; i++) {
        const char *value = getenv(PASSED_ON[i]);

        if (value == NULL && strcmp(PASSED_ON[i], "PATH") == 0)
            value = DEFAULT_PATH;
        if (value != NULL)
            env[n++] = arena_printf(a, "%s=%s", PASSED_ON[i], value);
    }
    env[n++] = arena_printf(a, "GARNET_SOCKET=%s", c->socket_path);
    env[n++] = arena_printf(a, "GARNET_COLLECTOR=%s", c->name);
    env[n] = arena_printf(a, "GARNET_INTERVAL=%s", interval);
    return env;
}

static const char **make_argv(struct arena *a, const struct collector *c)
{
    size_t n = c->conf->command.n;
    const char **argv = arena_alloc(a, (n + 2) * sizeof *argv);

    if (argv == NULL)
        return NULL;
    memcpy(argv, c->conf->command.v, n * sizeof *argv);
    argv[n] = c->socket_path;
    return argv;
}

/* The keeper's pid, or -1 with errno. */
static pid_t start_keeper(struct collector *c, int out, int err)
{
    struct arena a = {0};
    struct keeper_job job = {.argv = make_argv(&a, c),
                             .env = make_env(&a, c),
                             .cwd = "/",
                             .out = out,
                             .err = err,
                             .timeout = c->conf->timeout,
                             .grace = c->conf->grace};
    pid_t pid = -1;

    if (arena_ok(&a))
        pid = keeper_start(&job, &c->run.control);
    else
        errno = ENOMEM;
    arena_free(&a); /* keeps errno: free() does, since glibc 2.33 */
    return pid;
}

/* --- a run --- */

static bool stopped_by_us(const struct collector *c, const struct keeper_report *r)
{
    return c->stopping && r->end == KEEPER_STOPPED;
}

/* Counts, says and hands on how it ended. The event may call collector_stop(). */
static void end_run(struct collector *c)
{
    const struct keeper_report *r = &c->run.receipt.report;

    c->stats.last_duration_ns = r->duration_ns;
    if (r->end == KEEPER_EXITED && r->status == 0) {
        c->stats.last_success_ns = clock_wall();
    } else if (!stopped_by_us(c, r)) {
        c->stats.failures++;
        say_end(c, r);
    }
    c->ev.ended(c->ev.arg, &c->run.receipt);
}

static void on_keeper_end(void *arg, int status, const struct rusage *ru)
{
    struct collector *c = arg;
    struct run *run = &c->run;
    bool stopping = c->stopping; /* else gone() comes from a timer, if ended() stops it */

    (void)ru;
    (void)status; /* a keeper that was killed has sent no report */
    if (!keeper_report(run->control, &run->receipt.report))
        run->receipt.report = (struct keeper_report){.end = KEEPER_FAILED, .error = ECHILD};
    close_fd(&run->control);
    output_finish(&run->out);
    output_finish(&run->err);
    end_run(c);
    if (stopping)
        c->ev.gone(c->ev.arg); /* c may be freed by now */
}

static int launch(struct collector *c)
{
    struct run *run = &c->run;
    int out = output_open(&run->out, c->loop, c->name, LOG_L_INFO);
    int err = out < 0 ? -1 : output_open(&run->err, c->loop, c->name, LOG_L_WARN);
    pid_t pid = err < 0 ? -1 : start_keeper(c, out, err);

    close_fd(&out);
    close_fd(&err);
    if (pid < 0)
        return -1;
    loop_child_add(c->loop, &run->keeper, pid, on_keeper_end, c);
    return 0;
}

static void start_run(struct collector *c, int64_t slot)
{
    struct run *run = &c->run;

    c->ev.started(c->ev.arg, slot);
    run->receipt =
        (struct run_receipt){.slot_ns = slot, .lateness_ns = clock_mono() - c->sched.last_due};
    if (launch(c) == 0)
        return;
    run->receipt.report = (struct keeper_report){.end = KEEPER_FAILED, .error = errno};
    output_finish(&run->out);
    output_finish(&run->err);
    sched_unstarted(&c->sched);
    end_run(c);
}

/* The timer is armed again before the run, whose events may stop the collector. */
static void on_slot(void *arg)
{
    struct collector *c = arg;
    const struct sched before = c->sched;
    int64_t wall = clock_wall(), slot;
    bool run = sched_due(&c->sched, wall, clock_mono(), collector_running(c), &slot);

    if (c->sched.slots > before.slots)
        say_misses(c, before.missed, slot);
    loop_timer_set(c->loop, &c->timer, c->sched.due, on_slot, c);
    if (run)
        start_run(c, slot);
}

/* --- a collector --- */

struct collector *collector_new(struct loop *l, const struct conf_collector *conf,
                                const char *socket_path, const struct collector_events *ev)
{
    struct collector *c = calloc(1, sizeof *c);
    int64_t wall;

    if (c == NULL)
        return NULL;
    c->loop = l;
    c->conf = conf;
    c->ev = *ev;
    c->run.control = -1;
    output_init(&c->run.out);
    output_init(&c->run.err);
    c->name = strdup(conf->name);
    c->socket_path = strdup(socket_path);
    if (c->name == NULL || c->socket_path == NULL) {
        collector_free(c);
        errno = ENOMEM;
        return NULL;
    }
    wall = clock_wall();
    sched_start(&c->sched, conf->interval, wall, clock_mono());
    loop_timer_set(l, &c->timer, c->sched.due, on_slot, c);
    return c;
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
        keeper_stop(c->run.control);
    else
        loop_timer_set(c->loop, &c->timer, loop_now(c->loop), on_gone, c);
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
    free(c->name);
    free(c->socket_path);
    free(c);
}
