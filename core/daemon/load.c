/* daemon/load.c - the configuration's child: conf_load(), then one `garnet-sink check` per sink.
 *
 * What goes over the pipe is one byte, 'S' and a snapshot or 'E' and error lines, then the end of
 * the file. A child that dies or is late is an error like any other: the old configuration stays.
 * Check programs are given their time and then killed; if the child itself is killed, they end with
 * it (garnet-sink asks for that).
 */
#include "daemon/load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/privileges.h"
#include "base/process.h"
#include "base/text.h"
#include "conf/load.h"
#include "daemon/generation.h"
#include "supervise/worker_log.h"

enum { LOAD_MAX = 32 << 20, CHECK_OUTPUT_MAX = 64 << 10, CHECK_LINES = 20 };
static const int64_t check_deadline = 5 * NS_PER_S;
static const int64_t load_deadline = 60 * NS_PER_S;

struct load {
    struct loop *loop;
    const char *path, *sink_program;
    bool running;
    void (*done)(void *arg, struct str snapshot, const char *errors);
    void *arg;
    pid_t pid;
    struct loop_fd pipe;
    struct loop_child child;
    struct loop_timer deadline;
    struct buf got;
    bool ended, late; /* the pipe's end was seen; the deadline passed */
};

/* What comes out of a check: its own lines, and what its plugin prints. */
enum { SAYS, PRINTS, STREAMS };
struct stream {
    int fd; /* -1 once it has ended */
    struct buf text;
    bool more; /* than was kept */
};

static void read_stream(struct stream *s)
{
    char chunk[4096];
    ssize_t n = read(s->fd, chunk, sizeof chunk);
    if (n == 0 || (n < 0 && errno != EINTR))
        fd_close(&s->fd);
    else if (n > 0 && s->text.n < CHECK_OUTPUT_MAX)
        buf_put(&s->text, chunk, (size_t)n);
    else
        s->more |= n > 0;
}

/* Reads until all is closed; false when the deadline came first. */
static bool read_until_end(struct stream s[STREAMS], int64_t deadline)
{
    while (s[SAYS].fd >= 0 || s[PRINTS].fd >= 0) {
        int64_t left = (deadline - clock_mono()) / NS_PER_MS;
        struct pollfd p[STREAMS];
        for (int i = 0; i < STREAMS; i++)
            p[i] = (struct pollfd){.fd = s[i].fd, .events = POLLIN};
        int ready = left > 0 ? poll(p, STREAMS, (int)left) : 0;
        if (ready == 0)
            return false;
        for (int i = 0; ready > 0 && i < STREAMS; i++) {
            if (p[i].revents != 0)
                read_stream(&s[i]);
        }
    }
    return true;
}

/* The next line of *text, without its end, which *text then begins after. */
static struct str next_line(struct str *text)
{
    const char *end = memchr(text->s, '\n', text->n);
    struct str line = {text->s, end != NULL ? (size_t)(end - text->s) : text->n};
    size_t whole = line.n + (end != NULL);
    text->s += whole;
    text->n -= whole;
    return line;
}

/* They have their places already. */
static void add_said(const struct stream *said, struct errors *e)
{
    struct str rest = {said->text.p, said->text.n};
    while (rest.n > 0) {
        buf_put_visible(&e->text, next_line(&rest));
        buf_putc(&e->text, '\n');
        e->n++;
    }
}

/* What helps to understand why it failed; a plugin that is well prints the same to its worker's log. */
static void add_printed(const struct conf_sink *s, const struct stream *printed, struct errors *e)
{
    struct str rest = {printed->text.p, printed->text.n};
    for (int i = 0; rest.n > 0 && i < CHECK_LINES; i++) {
        char text[512];
        size_t used, n = str_visible(text, sizeof text, next_line(&rest), &used);
        errors_add(e, s->at, "sink %s: its check printed: %.*s", s->name, (int)n, text);
    }
    if (rest.n > 0 || printed->more)
        errors_add(e, s->at, "sink %s: its check printed more, which is not shown", s->name);
}

static void check_result(const struct conf_sink *s, bool in_time, int status,
                         const struct stream said[STREAMS], struct errors *e)
{
    unsigned before = e->n;
    if (!in_time)
        errors_add(e, s->at, "sink %s: the check of plugin %s did not end within 5s and was killed",
                   s->name, s->plugin);
    else if (WIFSIGNALED(status))
        errors_add(e, s->at,
                   "sink %s: plugin %s crashed while its options were checked: signal %d (%s)",
                   s->name, s->plugin, WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0 && said[SAYS].text.n == 0)
        errors_add(e, s->at, "sink %s: the check of plugin %s failed with exit status %d", s->name,
                   s->plugin, WEXITSTATUS(status));
    else if (WEXITSTATUS(status) != 0)
        add_said(&said[SAYS], e);
    if (e->n > before)
        add_printed(s, &said[PRINTS], e);
}

/* The check's pid, or -1 with errno; our ends of its two pipes are in s[]. */
static pid_t start_check(const struct conf_sink *sink, const char *program, int snapshot_fd,
                         struct stream s[STREAMS])
{
    int said[2] = {-1, -1}, printed[2] = {-1, -1};
    pid_t pid = -1;
    if (fd_pipe(said, 0, 0) == 0 && fd_pipe(printed, 0, 0) == 0) {
        const char *argv[] = {program, "check", sink->name, NULL};
        struct spawn sp = {.argv = argv,
                           .fds = {-1, printed[1], printed[1], snapshot_fd, -1, -1, said[1]},
                           .nfds = WORKER_LOG_FD + 1};
        pid = spawn_program(&sp);
    }
    fd_close(&said[1]);
    fd_close(&printed[1]);
    s[SAYS].fd = said[0];
    s[PRINTS].fd = printed[0];
    return pid;
}

static void check_sink(const struct conf_sink *s, const char *program, int snapshot_fd,
                       struct errors *e)
{
    struct stream said[STREAMS] = {{.text.max = CHECK_OUTPUT_MAX + 4096},
                                   {.text.max = CHECK_OUTPUT_MAX + 4096}};
    pid_t pid = start_check(s, program, snapshot_fd, said);
    if (pid < 0) {
        errors_add(e, s->at, "sink %s cannot be checked: %s", s->name, strerror(errno));
    } else {
        int64_t deadline = clock_mono() + check_deadline;
        bool in_time = read_until_end(said, deadline);
        int status;
        if (!process_wait(pid, deadline, &status)) { /* also one that only closed its output */
            kill(pid, SIGKILL);
            (void)process_wait(pid, INT64_MAX, &status);
        }
        check_result(s, in_time, status, said, e);
    }
    for (int i = 0; i < STREAMS; i++) {
        fd_close(&said[i].fd);
        buf_free(&said[i].text);
    }
}

bool load_check(const char *path, bool running, const char *sink_program, struct buf *snapshot,
                struct errors *e)
{
    struct snapshot snap = {0};
    struct conf *c = conf_load(&snap, path, running, e);
    if (c == NULL && e->n == 0)
        errors_add(e, (struct pos){.file = path}, "cannot be read: out of memory");
    snapshot_write(&snap, snapshot);
    int fd = e->n == 0 ? generation_seal((struct str){snapshot->p, snapshot->n}) : -1;
    if (e->n == 0 && (fd < 0 || !buf_ok(snapshot)))
        errors_add(e, (struct pos){.file = path}, "cannot be checked: %s", strerror(errno));
    for (const struct conf_sink *s = fd >= 0 && c != NULL ? c->sinks : NULL; s != NULL; s = s->next)
        check_sink(s, sink_program, fd, e);
    fd_close(&fd);
    if (c != NULL)
        conf_free(c);
    snapshot_free(&snap);
    return e->n == 0;
}

/* It keeps garnetd's capabilities, to read what garnetd may and to switch users for a check. What it
 * starts, or has started for it by a directory service's library, gets no others. */
static int child_main(void *arg)
{
    const struct load *l = arg;
    signals_release(); /* it has no handlers */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (privileges_no_new() < 0)
        return 1;
    struct buf snapshot = {0};
    struct errors e = {0};
    bool good = load_check(l->path, l->running, l->sink_program, &snapshot, &e);
    const struct buf *b = good ? &snapshot : &e.text;
    return fd_write_all(l->pipe.fd, good ? "S" : "E", 1) < 0 ||
           fd_write_all(l->pipe.fd, b->p, b->n) < 0;
}

static void load_free(struct load *l)
{
    loop_timer_clear(l->loop, &l->deadline);
    loop_child_del(l->loop, &l->child);
    int fd = l->pipe.fd;
    loop_fd_del(l->loop, &l->pipe);
    fd_close(&fd);
    buf_free(&l->got);
    free(l);
}

/* Both the pipe's end and the child's have been seen (or the time is up): tell the owner. */
static void end_load(struct load *l)
{
    const char *text = NULL;
    struct str snapshot = {0};
    buf_putc(&l->got, '\0');
    if (l->late)
        text = "the configuration could not be checked within 60s: is a file or folder on a dead "
               "mount?\n";
    else if (!buf_ok(&l->got))
        text = "the configuration could not be checked: out of memory\n";
    else if (l->got.n < 2 || (l->got.p[0] != 'S' && l->got.p[0] != 'E'))
        text = "the configuration could not be checked: the process doing it died\n";
    else if (l->got.p[0] == 'E')
        text = l->got.p + 1;
    else
        snapshot = (struct str){l->got.p + 1, l->got.n - 2};
    l->done(l->arg, snapshot, text);
    load_free(l);
}

static void readable(void *arg, uint32_t events)
{
    struct load *l = arg;
    (void)events;
    char *room = buf_room(&l->got, 65536);
    char waste[256];
    ssize_t n = read(l->pipe.fd, room != NULL ? room : waste, room != NULL ? 65536 : sizeof waste);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        if (room != NULL)
            l->got.n += (size_t)n;
        return;
    }
    int fd = l->pipe.fd;
    loop_fd_del(l->loop, &l->pipe);
    fd_close(&fd);
    l->ended = true;
    if (l->child.pid == 0)
        end_load(l);
}

static void exited(void *arg, int status, const struct rusage *ru)
{
    struct load *l = arg;
    (void)status, (void)ru;
    if (l->ended)
        end_load(l);
}

static void too_late(void *arg)
{
    struct load *l = arg;
    kill(l->pid, SIGKILL);
    l->late = true;
    end_load(l);
}

struct load *load_start(struct loop *loop, const char *path, bool running, const char *sink_program,
                        void (*done)(void *arg, struct str snapshot, const char *errors), void *arg)
{
    struct load *l = calloc(1, sizeof *l);
    int fds[2] = {-1, -1};
    if (l == NULL || fd_pipe(fds, O_NONBLOCK, 0) != 0) {
        free(l);
        return NULL;
    }
    *l = (struct load){.loop = loop,
                       .path = path,
                       .running = running,
                       .sink_program = sink_program,
                       .done = done,
                       .arg = arg,
                       .got = {.max = LOAD_MAX}};
    loop_fd_init(&l->pipe);
    l->pipe.fd = fds[1]; /* for the child; the parent's end takes its place below */
    l->pid = spawn_helper("garnetd-load", &fds[1], 1, child_main, l);
    loop_fd_init(&l->pipe);
    fd_close(&fds[1]);
    if (l->pid < 0 || loop_fd_add(loop, &l->pipe, fds[0], LOOP_IN, readable, l) != 0) {
        int failed = errno;
        if (l->pid > 0)
            kill(l->pid, SIGKILL);
        fd_close(&fds[0]);
        free(l);
        errno = failed;
        return NULL;
    }
    loop_child_add(loop, &l->child, l->pid, exited, l);
    loop_timer_set(loop, &l->deadline, clock_mono() + load_deadline, too_late, l);
    return l;
}

void load_cancel(struct load *l)
{
    kill(l->pid, SIGKILL);
    load_free(l);
}
