/* daemon/logwriter.c - a buffer between a pipe and the real standard error
 *
 * It holds at most CAP bytes. When stderr is slower than the log the pipe fills up behind it,
 * and base/log drops and counts lines. When stderr is broken what was read is thrown away, so
 * that nobody waits.
 *
 * The real stderr is shared with strangers, so it stays blocking (O_NONBLOCK would be theirs
 * too). A write that blocks all the same is broken off by a timer; that is the only use of a
 * signal handler in here. It ignores what a terminal sends to the whole group: it must outlive
 * garnetd's last line.
 */
#include "daemon/logwriter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/timed_write.h"

enum { CAP = 65536, CHUNK = PIPE_BUF, NUDGE_US = 200000 };

/* The pipe's other end, kept so that lines wait for the next process when one is killed. */
static int read_end = -1;

struct writer {
    int in;
    bool closed;      /* no writer is left */
    bool eof;         /* and all that was in the pipe has been read */
    int64_t deadline; /* once closed: monotonic ns */
    size_t n;
    char bytes[CAP];
};

static void set_writer_signals(void)
{
    signals_ignore_ends();
    (void)signal(SIGPIPE, SIG_IGN);
    timed_write_init();
    signals_release();
}

static void closing(struct writer *w)
{
    if (w->closed)
        return;
    w->closed = true;
    w->deadline = clock_mono() + NS_PER_S;
}

static void read_some(struct writer *w)
{
    ssize_t r = read(w->in, w->bytes + w->n, sizeof w->bytes - w->n);

    if (r > 0) {
        w->n += (size_t)r;
    } else if (r == 0 || (errno != EAGAIN && errno != EINTR)) {
        w->eof = true;
        closing(w);
    }
}

/* Whole lines where possible, so that nothing else on stderr lands in the middle of one. */
static size_t chunk(const struct writer *w)
{
    size_t n = w->n < CHUNK ? w->n : CHUNK;
    const char *last = memrchr(w->bytes, '\n', n);

    return last != NULL ? (size_t)(last - w->bytes) + 1 : n;
}

static void write_some(struct writer *w)
{
    ssize_t r = timed_write(STDERR_FILENO, w->bytes, chunk(w), NUDGE_US);

    if (r < 0 && errno != EINTR && errno != EAGAIN)
        r = (ssize_t)w->n; /* broken: all is lost, and nobody shall wait for it */
    if (r <= 0)
        return;
    w->n -= (size_t)r;
    memmove(w->bytes, w->bytes + r, w->n);
}

/* Milliseconds that poll may wait; none left: the writer is done. */
static int patience(const struct writer *w)
{
    int64_t left = w->deadline - clock_mono();

    if (!w->closed)
        return -1;
    return left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : 0;
}

/* What to wait for at the pipe. A full writer reads nothing, but must still see that its parent
 * is gone. */
static struct pollfd want_in(const struct writer *w)
{
    bool full = w->n == CAP;

    return (struct pollfd){
        .fd = w->eof || (full && w->closed) ? -1 : w->in,
        .events = full ? 0 : POLLIN,
    };
}

static int write_log(void *in)
{
    static struct writer w; /* too large for a stack; this process has one */
    struct pollfd fds[2];
    int ms;

    set_writer_signals();
    w.in = *(int *)in;
    for (;;) {
        ms = patience(&w);
        if (w.eof && w.n == 0)
            return 0;
        if (ms == 0)
            return 1;
        fds[0] = want_in(&w);
        fds[1] = (struct pollfd){.fd = w.n > 0 ? STDERR_FILENO : -1, .events = POLLOUT};
        if (poll(fds, 2, ms) < 0)
            continue; /* EINTR, or no memory for a moment */
        if (fds[0].revents & POLLHUP)
            closing(&w);
        if (fds[0].revents != 0 && w.n < CAP)
            read_some(&w);
        if (fds[1].revents != 0)
            write_some(&w);
    }
}

/* --- garnetd's side --- */

static pid_t fork_writer(int in)
{
    return spawn_helper("garnetd-log", &in, 1, write_log, &in);
}

static void on_writer_again(void *arg);

static void on_writer_ended(void *arg, int status, const struct rusage *ru)
{
    struct logwriter *w = arg;

    (void)status, (void)ru;
    loop_timer_set(w->loop, &w->again, clock_mono() + NS_PER_S, on_writer_again, w);
}

static void on_writer_again(void *arg)
{
    struct logwriter *w = arg;
    pid_t pid = fork_writer(read_end);

    if (pid < 0) {
        loop_timer_set(w->loop, &w->again, clock_mono() + NS_PER_S, on_writer_again, w);
        return;
    }
    loop_child_add(w->loop, &w->child, pid, on_writer_ended, w);
    log_warn("the log writer had died; another one writes");
}

int logwriter_start(struct logwriter *w, struct loop *l)
{
    int fds[2];
    pid_t pid;

    *w = (struct logwriter){.loop = l};
    if (fd_pipe(fds, O_NONBLOCK, O_NONBLOCK) < 0)
        return -1;
    pid = fork_writer(fds[0]);
    if (pid < 0) {
        fd_close(&fds[0]);
        fd_close(&fds[1]);
        return -1;
    }
    loop_child_add(l, &w->child, pid, on_writer_ended, w);
    read_end = fds[0];
    log_to(fds[1]);
    return 0;
}

void logwriter_stop(struct logwriter *w, int64_t until)
{
    pid_t pid = w->child.pid;
    int fd = log_fd(), status;

    loop_timer_clear(w->loop, &w->again);
    loop_child_del(w->loop, &w->child);
    log_to(STDERR_FILENO);
    if (fd != STDERR_FILENO)
        fd_close(&fd);
    fd_close(&read_end);
    (void)process_wait(pid, until, &status);
}
