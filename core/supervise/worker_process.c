/* supervise/worker_process.c - no worker has anything of garnetd's but what it is given here: the
 * end of a socket pair, two pipes for its lines, the snapshot, the scoreboard. Starting fails for
 * want of a process, descriptors or memory, and leaves nothing open. What stands on the socket is
 * taken a few messages a turn, and without any descriptor that a plugin might pass along.
 */
#include "supervise/worker_process.h"

#include <errno.h>
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/process.h"

enum { MESSAGES = 64 }; /* taken from a worker in one turn */

static void close_control(struct worker_process *p)
{
    loop_fd_del(p->loop, &p->watch);
    fdpass_close(&p->control);
}

/* False once the worker's end is closed. */
static bool take_messages(struct worker_process *p)
{
    char c;
    ssize_t n = 0;

    for (int i = 0; i < MESSAGES; i++) {
        n = fdpass_recv(p->control, &c, 1); /* else its plugin could make us close what it likes */
        if (n < 0 && errno == ECONNRESET)
            continue; /* it has closed with our words unread: what it said comes after this */
        if (n <= 0)
            break;
        p->ev.message(p->ev.arg, c);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_control(void *arg, uint32_t events)
{
    struct worker_process *p = arg;

    (void)events;
    if (take_messages(p))
        return;
    close_control(p);
    p->ev.hung_up(p->ev.arg);
}

static void on_worker_exit(void *arg, int status, const struct rusage *ru)
{
    struct worker_process *p = arg;

    if (p->control >= 0)
        (void)take_messages(p); /* its last words may still be in there */
    close_control(p);
    worker_log_close(&p->log);
    if (kill(-p->pid, SIGKILL) == 0)
        log_warn("sink %s: its plugin had left processes behind: they are killed", p->name);
    p->ev.ended(p->ev.arg, status, ru);
}

void worker_process_init(struct worker_process *p, struct loop *l, const char *name,
                         const struct worker_process_events *ev)
{
    *p = (struct worker_process){.loop = l, .name = name, .ev = *ev, .control = -1};
    loop_fd_init(&p->watch);
    worker_log_init(&p->log, name);
}

/* The worker's pid, or -1 with errno. */
static pid_t run_worker(const struct worker_process *p, const struct worker_start *s, int control,
                        int own, int print)
{
    const char *argv[] = {s->program, "run", p->name, NULL};
    struct spawn sp = {.argv = argv,
                       .fds = {-1, s->stdout_fd, print, s->snapshot_fd, control, s->board_fd, own},
                       .nfds = WORKER_LOG_FD + 1,
                       .own_group = true};

    return spawn_program(&sp);
}

int worker_process_start(struct worker_process *p, const struct worker_start *s)
{
    int pair[2], own, print;
    pid_t pid = -1;

    if (!worker_log_open(&p->log, p->loop, &own, &print))
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
        fdpass_refuse(pair[0]);
        if (loop_fd_add(p->loop, &p->watch, pair[0], LOOP_IN, on_control, p) == 0)
            pid = run_worker(p, s, pair[1], own, print);
        fd_close(&pair[1]);
        p->control = pair[0];
    }
    fd_close(&own);
    fd_close(&print);
    if (pid < 0) {
        close_control(p);
        worker_log_close(&p->log);
        return -1;
    }
    p->pid = pid;
    loop_child_add(p->loop, &p->child, pid, on_worker_exit, p);
    return 0;
}

void worker_process_send(const struct worker_process *p, char c)
{
    if (p->control >= 0)
        (void)send(p->control, &c, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void worker_process_wake(const struct worker_process *p)
{
    int unread = 0;

    if (p->control >= 0 && (ioctl(p->control, SIOCOUTQ, &unread) < 0 || unread == 0))
        worker_process_send(p, 'w');
}

/* Its plugin may have moved it to another group. */
void worker_process_signal(const struct worker_process *p, int signo)
{
    if (kill(-p->child.pid, signo) < 0 || getpgid(p->child.pid) != p->child.pid)
        (void)kill(p->child.pid, signo);
}

bool worker_process_stopped(const struct worker_process *p)
{
    siginfo_t si = {0};

    return waitid(P_PID, (id_t)p->child.pid, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
           si.si_pid != 0;
}
