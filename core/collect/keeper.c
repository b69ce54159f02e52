/* collect/keeper.c - it has a session of its own, so that nothing a terminal sends reaches it, and
 * waits in one place for three things: its socket, the end of a child, a deadline, which holds for a
 * collector whose exec hangs, too (collect/launch.h).
 *
 * The keeper stays garnetd's user. It can signal a collector that is another one, as root or with
 * CAP_KILL; a garnetd that has CAP_SETUID alone can start such a run but not end it.
 *
 * When the collector has ended, its group is killed while its pid is still taken, then whatever
 * else has come down from it (sweep.h; by its control group where it has one), until wait says that
 * there are no children; then it reports. A process that no signal ends (it hangs in the kernel)
 * keeps its keeper alive, waiting; garnetd is told. A stop that crossed with the report is read between
 * two runs, and is for neither. If the keeper itself is killed from outside, the nursery inherits what
 * it kept, and ends it.
 */
#include "collect/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "collect/cgroup.h"
#include "collect/sweep.h"

/* Between TERM and KILL once garnetd is gone. */
static const int64_t ORPHAN_GRACE = 500 * NS_PER_MS;
/* Between two looks for what is left; doubles up to the last while nothing ends. */
static const int64_t SWEEP_FIRST = 20 * NS_PER_MS, SWEEP_LAST = 1280 * NS_PER_MS;
/* From KILL to the end of what was killed, unless it hangs in the kernel. */
static const int64_t KILL_TAKES = 2 * NS_PER_S;
#define NEVER INT64_MAX

enum { SPRINT = 64 }; /* quick looks in a row, while there is something */
enum { REPORT_TRIES = 50, REPORT_PAUSE_MS = 20 };

enum step { ALIVE, TERMED, KILLED };

struct keeper {
    struct keeper_job job; /* the one at hand */
    int control;           /* -1 once garnetd has closed its end and we know */
    struct cgroup cgroup;
    struct launch_failure *failure; /* the page that is shared with the collector until its exec */
    sigset_t waiting;               /* the signal mask inside ppoll: SIGCHLD comes through */
    pid_t pid;                      /* the collector's; 0 once it is reaped */
    enum step step;
    int64_t started, deadline; /* mono */
    bool reaped;               /* something was, since this was last cleared */
    bool hangs;                /* garnetd was told */
    struct keeper_report report;
};

static int64_t later(int64_t now, int64_t ns)
{
    return ns < NEVER - now ? now + ns : NEVER;
}

/* --- the collector's end --- */

/* The group while there is one; the process itself too where TERM would else reach nobody (it has not
 * made its group yet) and where it must die. */
static void signal_run(const struct keeper *k, int signo)
{
    if (k->pid > 0 && (kill(-k->pid, signo) < 0 || signo == SIGKILL))
        (void)kill(k->pid, signo);
}

static void ask_end(struct keeper *k, enum keeper_end why, int64_t grace)
{
    int64_t deadline = later(clock_mono(), grace);

    if (k->step == ALIVE) {
        k->report.end = why;
        k->step = TERMED;
        k->deadline = deadline;
        signal_run(k, SIGTERM);
    } else if (k->step == TERMED && deadline < k->deadline) {
        k->deadline = deadline;
    }
}

/* Nothing else is done about it. */
static void say_hangs(struct keeper *k)
{
    if (!k->hangs && k->control >= 0)
        (void)send(k->control, "h", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    k->hangs = true;
}

static void deadline_passed(struct keeper *k)
{
    if (k->step == ALIVE) {
        ask_end(k, KEEPER_TIMEOUT, k->job.grace);
    } else if (k->step == TERMED) {
        k->step = KILLED;
        k->deadline = later(clock_mono(), KILL_TAKES);
        signal_run(k, SIGKILL);
    } else {
        k->deadline = NEVER;
        say_hangs(k);
    }
}

enum word { NOTHING, STOP, GONE };

/* What made the socket ready is taken from it, whoever waits: what stays there would end every wait
 * at once. */
static enum word read_control(struct keeper *k)
{
    char c;
    ssize_t n = recv(k->control, &c, 1, MSG_DONTWAIT);

    if (n > 0)
        return STOP;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return NOTHING;
    fd_close(&k->control); /* garnetd is gone */
    return GONE;
}

static void obey(struct keeper *k, enum word word)
{
    if (word != NOTHING)
        ask_end(k, KEEPER_STOPPED, word == STOP ? k->job.grace : ORPHAN_GRACE);
}

/* One that cannot be sent must not be waited for: garnetd is then told by the end of this keeper. */
static void send_report(struct keeper *k)
{
    int tries = 0;

    while (k->control >= 0 &&
           send(k->control, &k->report, sizeof k->report, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        if (errno == EPIPE || ++tries > REPORT_TRIES)
            fd_close(&k->control);
        else
            (void)poll(NULL, 0, REPORT_PAUSE_MS);
}

static int64_t to_ns(struct timeval tv)
{
    return (int64_t)tv.tv_sec * NS_PER_S + (int64_t)tv.tv_usec * 1000;
}

/* It is a zombie still, so its pid is also the name of its group and of no other: the last moment
 * for kill(). */
static void collector_ended(struct keeper *k)
{
    struct rusage ru = {0};
    int status = 0;

    (void)kill(-k->pid, SIGKILL);
    (void)wait4(k->pid, &status, WNOHANG, &ru);
    k->pid = 0;
    k->report.status = status;
    k->report.duration_ns = clock_mono() - k->started;
    k->report.user_ns = to_ns(ru.ru_utime);
    k->report.system_ns = to_ns(ru.ru_stime);
    k->report.max_rss = (int64_t)ru.ru_maxrss * 1024;
    if (k->failure->error != 0) {
        k->report.end = KEEPER_FAILED;
        k->report.failure = *k->failure;
    }
}

static bool killed_by_us(const siginfo_t *si)
{
    return (si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED) && si->si_status == SIGKILL;
}

/* Takes leave of every child that has ended, ours by adoption too. False when no child is left. */
static bool reap(struct keeper *k)
{
    for (;;) {
        siginfo_t si = {.si_signo = 0};

        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
            return errno != ECHILD;
        if (si.si_pid == 0)
            return true;
        if (si.si_pid == k->pid) {
            collector_ended(k);
        } else {
            (void)waitpid(si.si_pid, NULL, WNOHANG);
            k->report.left_behind += k->pid == 0 && killed_by_us(&si);
        }
        k->reaped = true;
    }
}

static void keep_collector(struct keeper *k)
{
    while (reap(k) && k->pid > 0) {
        if (clock_mono() >= k->deadline)
            deadline_passed(k);
        if (process_await(k->control, k->deadline, &k->waiting))
            obey(k, read_control(k));
    }
}

/* --- whatever it left behind --- */

/* Against what forks as fast as it can. False when no child is left. */
static bool sprint(struct keeper *k)
{
    for (int i = 0; i < SPRINT && sweep_children(NULL, 0) > 0; i++)
        if (!reap(k))
            return false;
    return true;
}

/* What still has a living parent becomes ours when that one is killed, so this comes to an end,
 * unless something hangs in the kernel. Nobody can ask for more than is done already. */
static void kill_rest(struct keeper *k)
{
    int64_t pause = SWEEP_FIRST, since = clock_mono();

    for (k->reaped = false; reap(k); k->reaped = false) {
        cgroup_kill(&k->cgroup);
        if (!sprint(k))
            break;
        (void)sweep_tree(NULL, 0);
        if (k->reaped)
            pause = SWEEP_FIRST, since = clock_mono();
        else if (pause < SWEEP_LAST)
            pause *= 2;
        if (clock_mono() - since >= KILL_TAKES)
            say_hangs(k);
        if (process_await(k->control, later(clock_mono(), pause), &k->waiting))
            (void)read_control(k);
    }
    cgroup_remove(&k->cgroup);
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
    k->report.failure.step = STEP_START;
    k->started = clock_mono();
    k->deadline = later(k->started, k->job.timeout);
    pid = launch_collector(&k->job.launch, &k->cgroup, k->control, k->failure);
    if (pid < 0)
        return -1;
    k->pid = pid;
    return 0;
}

static void report_unstarted(struct keeper *k)
{
    k->report.end = KEEPER_FAILED;
    k->report.failure.error = errno;
    cgroup_remove(&k->cgroup);
    send_report(k);
}

static void keep_run(struct keeper *k)
{
    int out = k->job.launch.out, err = k->job.launch.err;
    int started = start_collector(k);

    fd_close(&out); /* else garnetd would never see their end */
    fd_close(&err);
    if (started < 0) {
        report_unstarted(k);
        return;
    }
    keep_collector(k);
    kill_rest(k);
    send_report(k);
}

static void next_job(struct keeper *k)
{
    struct arena a = {0};

    k->report = (struct keeper_report){0};
    k->step = ALIVE;
    k->hangs = false;
    cgroup_init(&k->cgroup);
    switch (job_take(k->control, &a, &k->job)) {
    case JOB_TAKEN:
        keep_run(k);
        break;
    case JOB_BAD:
        fd_close(&k->job.launch.out);
        fd_close(&k->job.launch.err);
        report_unstarted(k);
        break;
    case JOB_NONE:
        break;
    case JOB_END:
        fd_close(&k->control);
        break;
    }
    arena_free(&a);
}

static int keep_runs(void *end)
{
    struct keeper k = {.control = *(const int *)end};

    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    signals_ignore_ends();
    signals_await_children(&k.waiting);
    fd_null_stdio();
    while (k.control >= 0)
        if (process_await(k.control, NEVER, &k.waiting))
            next_job(&k);
    return 0;
}

/* --- for the nursery, and garnetd --- */

int keeper_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

pid_t keeper_fork(int end)
{
    return spawn_helper("garnetd-keep", &end, 1, keep_runs, &end);
}

void keeper_refuse(int end, int error)
{
    const struct keeper_report r = {.end = KEEPER_NONE,
                                    .failure = {.error = error, .step = STEP_START}};

    (void)send(end, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void keeper_stop(int control)
{
    (void)send(control, "s", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The next message, if it has n bytes. A keeper that ended before it read our 's' leaves ECONNRESET
 * in front of what it sent. */
static bool take_message(int control, void *out, size_t n)
{
    ssize_t next = -1;

    for (int tries = 0; tries < 2 && next < 0; tries++)
        next = recv(control, out, n, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
    return next == (ssize_t)n && recv(control, out, n, MSG_DONTWAIT) == (ssize_t)n;
}

pid_t keeper_pid(int control)
{
    pid_t pid = 0;

    return take_message(control, &pid, sizeof pid) ? pid : 0;
}

bool keeper_hangs(int control)
{
    char word;

    return take_message(control, &word, sizeof word);
}

bool keeper_report(int control, struct keeper_report *out)
{
    (void)keeper_pid(control);
    (void)keeper_hangs(control);
    return take_message(control, out, sizeof *out);
}

bool keeper_gone(int control)
{
    char c;
    ssize_t n = recv(control, &c, 1, MSG_DONTWAIT | MSG_PEEK);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET);
}
