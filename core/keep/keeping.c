/* keep/keeping.c - each message has a size of its own, so that either side takes only what it expects
 *
 * The process is a zombie still when its group is killed, so its pid is also the name of its group and of no
 * other. What still has a living parent becomes the keeper's when that one is killed, so the killing comes
 * to an end, unless something hangs in the kernel.
 */
#include "keep/keeping.h"

#include <errno.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "keep/sweep.h"

/* Between two looks for what is left; doubles up to the last while nothing ends. */
static const int64_t SWEEP_FIRST = 20 * NS_PER_MS, SWEEP_LAST = 1280 * NS_PER_MS;

enum { SPRINT = 64 }; /* quick looks in a row, while there is something */
enum { REPORT_TRIES = 50, REPORT_PAUSE_MS = 20 };

struct refusal { /* told from a pid and a report by its size */
    int32_t error, zero;
};

/* --- in the keeper --- */

void keeping_begin(struct keeping *k, int control)
{
    *k = (struct keeping){.control = control};
    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    signals_ignore_ends();
    signals_await_children(&k->waiting);
    fd_null_stdio();
}

void keeping_anew(struct keeping *k, pid_t pid)
{
    *k = (struct keeping){.control = k->control, .waiting = k->waiting, .pid = pid};
}

int keeping_wait(struct keeping *k, int64_t deadline)
{
    signed char c;
    ssize_t n;

    if (!process_await(k->control, deadline, &k->waiting))
        return KEEPING_NOTHING;
    n = recv(k->control, &c, 1, MSG_DONTWAIT);
    if (n > 0)
        return c;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return KEEPING_NOTHING;
    fd_close(&k->control);
    return KEEPING_GONE;
}

void keeping_signal(const struct keeping *k, int signo)
{
    if (k->pid > 0 && (kill(-k->pid, signo) < 0 || signo == SIGKILL || getpgid(k->pid) != k->pid))
        (void)kill(k->pid, signo);
}

static bool killed_by_us(const siginfo_t *si)
{
    return (si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED) && si->si_status == SIGKILL;
}

static void process_ended(struct keeping *k)
{
    (void)kill(-k->pid, SIGKILL);
    (void)wait4(k->pid, &k->status, WNOHANG, &k->used);
    k->pid = 0;
}

bool keeping_reap(struct keeping *k)
{
    for (;;) {
        siginfo_t si = {.si_signo = 0};

        if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
            return errno != ECHILD;
        if (si.si_pid == 0)
            return true;
        if (si.si_pid == k->pid) {
            process_ended(k);
        } else {
            (void)waitpid(si.si_pid, NULL, WNOHANG);
            k->left_behind += k->pid == 0 && killed_by_us(&si);
        }
        k->reaped = true;
    }
}

/* Against what forks as fast as it can. False when no child is left. */
static bool sprint(struct keeping *k)
{
    for (int i = 0; i < SPRINT && sweep_children(NULL, 0) > 0; i++)
        if (!keeping_reap(k))
            return false;
    return true;
}

/* Nobody can ask for more than is done already. */
bool keeping_kill_rest(struct keeping *k, int64_t most, void (*also)(void *arg), void *arg)
{
    int64_t pause = SWEEP_FIRST, since = clock_mono(), idle;

    for (k->reaped = false; keeping_reap(k); k->reaped = false) {
        if (also != NULL)
            also(arg);
        if (!sprint(k))
            break;
        (void)sweep_tree(NULL, 0);
        if (k->reaped)
            pause = SWEEP_FIRST, since = clock_mono();
        else if (pause < SWEEP_LAST)
            pause *= 2;
        idle = clock_mono() - since;
        if (idle >= most)
            return false;
        if (idle >= KEEPING_KILL_TAKES)
            keeping_say_hangs(k);
        (void)keeping_wait(k, clock_mono() + pause);
    }
    return true;
}

void keeping_say(const struct keeping *k, enum keeping_word w)
{
    if (k->control >= 0)
        keeping_tell(k->control, w);
}

void keeping_say_hangs(struct keeping *k)
{
    if (!k->hangs)
        keeping_say(k, KEEPING_HANGS);
    k->hangs = true;
}

void keeping_report(struct keeping *k, const void *report, size_t n)
{
    int tries = 0;

    while (k->control >= 0 && send(k->control, report, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        if (errno == EPIPE || ++tries > REPORT_TRIES)
            fd_close(&k->control);
        else
            (void)poll(NULL, 0, REPORT_PAUSE_MS);
}

bool keeping_deserted(int control)
{
    struct pollfd p = {.fd = control};

    return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP) != 0;
}

/* --- at either end --- */

int keeping_pair(int pair[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

void keeping_refuse(int end, int error)
{
    const struct refusal r = {.error = error};

    (void)send(end, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- in garnetd --- */

void keeping_tell(int control, enum keeping_word w)
{
    const char c = (char)w;

    (void)send(control, &c, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A keeper that ended before it read our word leaves ECONNRESET in front of what it sent. */
bool keeping_take(int control, void *out, size_t n)
{
    ssize_t next = -1;

    for (int tries = 0; tries < 2 && next < 0; tries++)
        next = recv(control, out, n, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC);
    return next == (ssize_t)n && recv(control, out, n, MSG_DONTWAIT) == (ssize_t)n;
}

pid_t keeping_pid(int control)
{
    pid_t pid = 0;

    return keeping_take(control, &pid, sizeof pid) ? pid : 0;
}

int keeping_hear(int control)
{
    char word;

    return keeping_take(control, &word, sizeof word) ? word : KEEPING_NOTHING;
}

int keeping_refused(int control)
{
    struct refusal r;

    return keeping_take(control, &r, sizeof r) ? r.error : 0;
}

bool keeping_gone(int control)
{
    char c;
    ssize_t n = recv(control, &c, 1, MSG_DONTWAIT | MSG_PEEK);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET);
}
