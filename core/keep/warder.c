/* keep/warder.c - a job is one packet, a head and strings, with the descriptors that it names. It comes before anything
 * else over the socket; the answers are those of keep/keeping.h.
 */
#include "keep/warder.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/environment.h"
#include "base/fd.h"
#include "keep/keeping.h"

/* Between TERM and KILL once garnetd is gone: as long as a worker takes to end by itself. */
static const int64_t ORPHAN_GRACE = 2 * NS_PER_S;
/* The end of the process is reported then, whatever it has left: nobody shall wait for its dead mount. */
static const int64_t LEFT_TAKES = 200 * NS_PER_MS;

enum { PACKET = 16 << 10, ARGS_MOST = 8 };

struct head {
    uint32_t helper, word, nargs, nfds, given; /* given: a bit for each descriptor that is not -1 */
};

struct ward_keeper {
    struct keeping keeping;
    int (*helper)(void *job);
    struct ward_job job;
    const char *argv[ARGS_MOST + 1];
    char packet[PACKET + 1];
    int64_t deadline; /* mono */
    bool killed;
};

/* n bytes of a packet that garnetd has made; `come`: what came with it, in order. */
static bool parse_job(struct ward_keeper *w, size_t n, const int *come)
{
    const char *at = w->packet + sizeof(struct head), *end = w->packet + n;
    struct head h;

    if (n < sizeof h)
        return false;
    memcpy(&h, w->packet, sizeof h);
    if (h.nargs > ARGS_MOST || h.nfds > SPAWN_MAX_FDS)
        return false;
    w->packet[n] = 0;
    for (uint32_t i = 0; i < h.nargs && at < end; i++, at += strlen(at) + 1)
        w->argv[i] = at;
    w->job =
        (struct ward_job){.argv = w->argv, .helper = h.helper != 0, .word = h.word, .nfds = h.nfds};
    for (uint32_t i = 0; i < h.nfds; i++)
        w->job.fds[i] = (h.given >> i & 1) != 0 ? *come++ : -1;
    return h.nargs > 0 && w->argv[h.nargs - 1] != NULL;
}

static void close_given(struct ward_job *job)
{
    for (size_t i = 0; i < job->nfds; i++)
        fd_close(&job->fds[i]);
}

/* False with errno; 0: garnetd is gone. */
static bool take_job(struct ward_keeper *w)
{
    int come[SPAWN_MAX_FDS], control = w->keeping.control;
    ssize_t n;
    bool cut;

    do {
        (void)process_await(control, INT64_MAX, &w->keeping.waiting);
        n = fd_receive(control, w->packet, PACKET, come, SPAWN_MAX_FDS, MSG_DONTWAIT, &cut);
    } while (n < 0 && (errno == EAGAIN || errno == EINTR));
    errno = cut ? EMFILE : 0;
    if (n > 0 && !cut && !keeping_deserted(control) && parse_job(w, (size_t)n, come))
        return true;
    for (int i = 0; i < SPAWN_MAX_FDS; i++)
        fd_close(&come[i]);
    return false;
}

static int run_helper(void *arg)
{
    struct ward_keeper *w = arg;

    (void)setpgid(0, 0);
    if (w->job.nfds > STDERR_FILENO && w->job.fds[STDERR_FILENO] >= 0)
        (void)dup2(w->job.fds[STDERR_FILENO], STDERR_FILENO);
    return w->helper(&w->job);
}

static pid_t start_process(struct ward_keeper *w)
{
    const struct ward_job *job = &w->job;
    struct spawn s = {
        .argv = job->argv, .env = environment_small(), .nfds = job->nfds, .own_group = true};
    int keep[SPAWN_MAX_FDS];
    size_t n = 0;

    if (!job->helper) {
        memcpy(s.fds, job->fds, sizeof s.fds);
        return spawn_program(&s);
    }
    for (size_t i = 0; i < job->nfds; i++)
        if (job->fds[i] >= 0)
            keep[n++] = job->fds[i];
    return spawn_helper(job->argv[0], keep, n, run_helper, w);
}

static void kill_process(struct ward_keeper *w)
{
    keeping_signal(&w->keeping, SIGKILL);
    w->killed = true;
    w->deadline = clock_mono() + KEEPING_KILL_TAKES;
}

static void heed(struct ward_keeper *w, int word)
{
    if (word == KEEPING_KILL) {
        kill_process(w);
    } else if (word != KEEPING_NOTHING) {
        keeping_signal(&w->keeping, SIGTERM);
        if (word == KEEPING_GONE && !w->killed)
            w->deadline = clock_mono() + ORPHAN_GRACE;
    }
}

static void time_is_up(struct ward_keeper *w)
{
    if (!w->killed) {
        kill_process(w);
        return;
    }
    w->deadline = INT64_MAX;
    keeping_say_hangs(&w->keeping);
}

static void tell_stops(const struct ward_keeper *w)
{
    siginfo_t si = {.si_pid = 0};

    while (waitid(P_PID, (id_t)w->keeping.pid, &si, WSTOPPED | WCONTINUED | WNOHANG) == 0 &&
           si.si_pid != 0) {
        keeping_say(&w->keeping, si.si_code == CLD_CONTINUED ? KEEPING_GOES_ON : KEEPING_STOPPED);
        si.si_pid = 0;
    }
}

static void keep_process(struct ward_keeper *w, pid_t pid)
{
    struct keeping *k = &w->keeping;
    struct ward_end end = {0};

    keeping_anew(k, pid);
    keeping_report(k, &pid, sizeof pid);
    w->deadline = INT64_MAX;
    if (k->control < 0)
        heed(w, KEEPING_GONE); /* which no wait says any more */
    while (keeping_reap(k) && k->pid > 0) {
        tell_stops(w);
        if (clock_mono() >= w->deadline)
            time_is_up(w);
        heed(w, keeping_wait(k, w->deadline));
    }
    end.hangs = !keeping_kill_rest(k, LEFT_TAKES, NULL, NULL);
    end.status = k->status;
    end.used = k->used;
    end.left_behind = k->left_behind;
    keeping_report(k, &end, sizeof end);
    (void)keeping_kill_rest(k, INT64_MAX, NULL, NULL);
}

struct ward_fork {
    int end;
    int (*helper)(void *job);
};

static int keep_ward(void *arg)
{
    static struct ward_keeper w; /* too large for a stack; this process has one */
    const struct ward_fork *f = arg;
    pid_t pid;

    keeping_begin(&w.keeping, f->end);
    w.helper = f->helper;
    if (!take_job(&w)) {
        if (errno != 0)
            keeping_refuse(f->end, errno);
        return 0;
    }
    pid = start_process(&w);
    if (pid < 0)
        keeping_refuse(f->end, errno);
    close_given(&w.job); /* else garnetd would never see their end */
    if (pid > 0)
        keep_process(&w, pid);
    return 0;
}

pid_t warder_fork(int end, int (*helper)(void *job))
{
    struct ward_fork f = {end, helper};

    return spawn_helper("garnetd-ward", &end, 1, keep_ward, &f);
}

/* --- garnetd's side --- */

int warder_send(int control, const struct ward_job *job)
{
    struct head h = {.helper = job->helper, .word = job->word, .nfds = (uint32_t)job->nfds};
    struct buf b = {.max = PACKET};
    int fds[SPAWN_MAX_FDS];
    unsigned n = 0;
    ssize_t sent;

    while (job->argv[h.nargs] != NULL)
        h.nargs++;
    for (size_t i = 0; i < job->nfds; i++)
        if (job->fds[i] >= 0) {
            h.given |= 1U << i;
            fds[n++] = job->fds[i];
        }
    buf_put(&b, &h, sizeof h);
    for (uint32_t i = 0; i < h.nargs; i++)
        buf_put(&b, job->argv[i], strlen(job->argv[i]) + 1);
    errno = E2BIG;
    sent =
        h.nargs <= ARGS_MOST && buf_ok(&b) ? fd_send(control, b.p, b.n, fds, n, MSG_DONTWAIT) : -1;
    buf_free(&b);
    return sent < 0 ? -1 : 0;
}
