/* supervise/worker_process.c - no worker has anything of garnetd's but what it is given here: the
 * end of a socket pair, two pipes for its lines, the snapshot, the scoreboard. Starting fails for
 * want of descriptors or memory, and leaves nothing open. What stands on the socket is
 * taken a few messages a turn, and without any descriptor that a plugin might pass along.
 */
#include "supervise/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/process.h"

enum { MESSAGES = 64 }; /* taken from a worker in one turn */

/* --- its log --- */

static void on_said(void *arg, enum log_level level, const char *line)
{
    struct worker_process *p = arg;
    const char *text;

    if (!log_relay(p->ident, line))
        log_as(p->ident, level, "%s", line);
    if (log_trouble(line, &text))
        remark_set(&p->trouble, "%s", text);
}

static void on_printed(void *arg, enum log_level level, const char *line)
{
    const struct worker_process *p = arg;

    log_as(p->ident, level, "printed: %s", line);
}

static void said_more(void *arg, uint64_t lines)
{
    const struct worker_process *p = arg;

    log_warn("sink %s: its worker logged %" PRIu64 " more line%s, left out", p->name, lines,
             lines > 1 ? "s" : "");
}

static void printed_more(void *arg, uint64_t lines)
{
    const struct worker_process *p = arg;

    log_warn("sink %s: its worker printed %" PRIu64 " more line%s, not logged", p->name, lines,
             lines > 1 ? "s" : "");
}

/* What is still in them, and what was left out. No-op when closed. */
static void close_log(struct worker_process *p)
{
    int keep = errno;

    logpipe_finish(&p->printed);
    logpipe_finish(&p->said);
    logpipe_owner_finish(&p->prints);
    logpipe_owner_finish(&p->says);
    errno = keep;
}

/* The write ends, both the caller's to close. The pipe for its own lines never blocks a worker: they are
 * dropped and counted on its side, as garnetd's are. What prints waits, as a collector does. False with
 * errno, and nothing open. */
static bool open_log(struct worker_process *p, int *own, int *print)
{
    *own = logpipe_open(&p->said, p->loop, &p->says, LOG_L_WARN, O_NONBLOCK);
    *print = *own < 0 ? -1 : logpipe_open(&p->printed, p->loop, &p->prints, LOG_L_WARN, 0);
    if (*print >= 0)
        return true;
    fd_close(own);
    close_log(p);
    return false;
}

/* --- its socket --- */

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
        p->ev.message(p->ev.arg, (enum worker_word)c);
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

/* --- the process --- */

static void on_ward_hangs(void *arg)
{
    struct worker_process *p = arg;

    p->ev.hangs(p->ev.arg);
}

static void on_ward_ended(void *arg, const struct ward_end *end)
{
    struct worker_process *p = arg;

    if (p->control >= 0)
        (void)take_messages(p); /* its last words may still be in there */
    close_control(p);
    close_log(p);
    if (end->left_behind > 0)
        log_warn("sink %s: its plugin had left processes behind: they are killed", p->name);
    if (end->hangs)
        log_error("sink %s: what its plugin had left behind does not end by KILL: it hangs in the "
                  "kernel, and ends once that lets it",
                  p->name);
    p->ev.ended(p->ev.arg, end);
}

void worker_process_init(struct worker_process *p, struct loop *l, const char *name,
                         const struct worker_process_events *ev)
{
    *p = (struct worker_process){.loop = l,
                                 .name = name,
                                 .ev = *ev,
                                 .control = -1,
                                 .says = {.say = on_said, .left_out = said_more, .arg = p},
                                 .prints = {.say = on_printed, .left_out = printed_more, .arg = p}};
    (void)snprintf(p->ident, sizeof p->ident, "garnet-sink[%s]", name);
    (void)snprintf(p->who, sizeof p->who, "sink %s: the worker", name);
    loop_fd_init(&p->watch);
    logpipe_init(&p->said);
    logpipe_init(&p->printed);
}

/* 0, or -1 with errno. */
static int run_worker(struct worker_process *p, const struct worker_start *s, int control, int own,
                      int print)
{
    const char *argv[] = {s->program, "run", p->name, NULL};
    const struct ward_job job = {
        .argv = argv,
        .fds = {-1, s->stdout_fd, print, [WORKER_SNAPSHOT] = s->snapshot_fd,
                [WORKER_CONTROL] = control, [WORKER_SCOREBOARD] = s->board_fd, [WORKER_LOG] = own},
        .nfds = WORKER_FDS};
    const struct ward_events ev = {p, on_ward_hangs, on_ward_ended};

    return ward_start(&p->ward, s->keepers, p->who, &job, &ev);
}

int worker_process_start(struct worker_process *p, const struct worker_start *s)
{
    int pair[2], own, print, started = -1;

    if (!open_log(p, &own, &print))
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
        fdpass_refuse(pair[0]);
        if (loop_fd_add(p->loop, &p->watch, pair[0], LOOP_IN, on_control, p) == 0)
            started = run_worker(p, s, pair[1], own, print);
        fd_close(&pair[1]);
        p->control = pair[0];
    }
    fd_close(&own);
    fd_close(&print);
    if (started < 0) {
        close_control(p);
        close_log(p);
    }
    return started;
}

void worker_process_send(const struct worker_process *p, enum worker_word w)
{
    const char c = (char)w;

    if (p->control >= 0)
        (void)send(p->control, &c, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void worker_process_wake(const struct worker_process *p)
{
    int unread = 0;

    if (p->control >= 0 && (ioctl(p->control, SIOCOUTQ, &unread) < 0 || unread == 0))
        worker_process_send(p, WORKER_WAKE);
}

void worker_process_abandon(struct worker_process *p)
{
    ward_abandon(&p->ward);
    close_control(p);
    close_log(p);
}
