/* daemon/plugin_check.c - a process for each check, which waits for it and says what came of it. What a check says
 * and prints is read to its end or to the deadline; a check that is late is killed. If no signal ends
 * it, the process stays as well, in its place in the table, and nobody is sent after it.
 */
#include "daemon/plugin_check.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/environment.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/process.h"
#include "base/text.h"
#include "conf/hung.h"
#include "model/worker.h"

enum { CHECK_OUTPUT_MAX = 64 << 10, CHECK_LINES = 20, CHECKS_AT_ONCE = 8 };
static const int64_t check_deadline = 5 * NS_PER_S, reap_bound = 200 * NS_PER_MS;

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
        struct pollfd p[STREAMS] = {{s[SAYS].fd, POLLIN, 0}, {s[PRINTS].fd, POLLIN, 0}};
        int ready = left > 0 ? poll(p, STREAMS, (int)left) : 0;

        if (ready == 0)
            return false;
        for (int i = 0; ready > 0 && i < STREAMS; i++)
            if (p[i].revents != 0)
                read_stream(&s[i]);
    }
    return true;
}

/* They have their places already. */
static void add_said(const struct stream *said, struct errors *e)
{
    struct str rest = {said->text.p, said->text.n}, line;

    while (str_line(&rest, &line)) {
        buf_put_visible(&e->text, line);
        buf_putc(&e->text, '\n');
        e->n++;
    }
}

/* What helps to understand why it failed; a plugin that is well prints the same to its worker's log. */
static void add_printed(const struct conf_sink *s, const struct stream *printed, struct errors *e)
{
    struct str rest = {printed->text.p, printed->text.n}, line;

    for (int i = 0; i < CHECK_LINES && str_line(&rest, &line); i++) {
        char text[512];
        size_t used, n = str_visible(text, sizeof text, line, &used);

        errors_add(e, s->at, "sink %s: its check printed: %.*s", s->name, (int)n, text);
    }
    if (rest.n > 0 || printed->more)
        errors_add(e, s->at, "sink %s: its check printed more, which is not shown", s->name);
}

/* `e`: of this check alone. False: the text is not to blame. */
static bool check_result(const struct conf_sink *s, bool in_time, int status,
                         const struct stream said[STREAMS], struct errors *e)
{
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
    if (e->n > 0)
        add_printed(s, &said[PRINTS], e);
    return in_time && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG;
}

/* The check's pid, or -1 with errno; our ends of its two pipes are in s[]. */
static pid_t start_check(const struct conf_sink *sink, const char *program, int snapshot_fd,
                         struct stream s[STREAMS])
{
    int said[2] = {-1, -1}, printed[2] = {-1, -1};
    const char *argv[] = {program, "check", sink->name, NULL};
    pid_t pid = -1;

    if (fd_pipe(said, 0, 0) == 0 && fd_pipe(printed, 0, 0) == 0)
        pid = spawn_program(&(struct spawn){
            .argv = argv,
            .env = environment_small(),
            .fds = {-1, printed[1], printed[1], [WORKER_SNAPSHOT] = snapshot_fd,
                    [WORKER_CONTROL] = -1, [WORKER_SCOREBOARD] = -1, [WORKER_LOG] = said[1]},
            .nfds = WORKER_FDS});
    fd_close(&said[1]);
    fd_close(&printed[1]);
    s[SAYS].fd = said[0];
    s[PRINTS].fd = printed[0];
    return pid;
}

/* --- the process that waits for it --- */

struct watch { /* what it has to do */
    const struct plugin_check *check;
    const char *program;
    int snapshot_fd, out;
    struct hung hung;
    pid_t parent;
};
struct outcome { /* what it says, and the errors' lines behind it */
    bool of_text;
    bool given_up;
    unsigned errors;
};

/* Until its end, or the deadline. *pid is 0 once it has gone. */
static void watch_check(const struct watch *w, pid_t *pid, struct outcome *o, struct errors *e)
{
    struct stream said[STREAMS] = {{.text.max = CHECK_OUTPUT_MAX + 4096},
                                   {.text.max = CHECK_OUTPUT_MAX + 4096}};
    const struct conf_sink *s = w->check->sink;
    int64_t deadline = clock_mono() + check_deadline;
    bool in_time = false;
    int status = 0;

    *pid = start_check(s, w->program, w->snapshot_fd, said);
    if (*pid < 0) {
        errors_add(e, s->at, "sink %s: the check of plugin %s cannot be started: %s", s->name,
                   s->plugin, strerror(errno));
        *pid = 0;
    } else {
        in_time = read_until_end(said, deadline);
        if (!process_wait(*pid, deadline, &status)) { /* also one that only closed its output */
            kill(*pid, SIGKILL);
            o->given_up = !process_wait(*pid, clock_mono() + reap_bound, &status);
        }
        *pid = o->given_up ? *pid : 0;
        o->of_text = check_result(s, in_time && !o->given_up, status, said, e);
    }
    for (int i = 0; i < STREAMS; i++) {
        fd_close(&said[i].fd);
        buf_free(&said[i].text);
    }
}

static bool send_outcome(int out, struct outcome *o, const struct errors *e)
{
    o->errors = e->n;
    return buf_ok(&e->text) && fd_write_all(out, o, sizeof *o) == 0 &&
           fd_write_all(out, e->text.p, e->text.n) == 0;
}

static int watch(void *arg)
{
    struct watch *w = arg;
    const struct conf_sink *s = w->check->sink;
    struct hung_place *place = hung_enter(&w->hung);
    char what[PATH_MAX + 80]; /* not the plugin itself: another sink's check of it may be well */
    struct outcome o = {0};
    struct errors e = {0};
    pid_t pid = 0;
    int status;

    signals_release(); /* it has no handlers */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != w->parent)
        return 1;
    (void)snprintf(what, sizeof what, "%s/%s", s->plugin_file, s->name);
    if (place == NULL ||
        hung_look(&w->hung, place, &(struct hung_look){.what = what}) == HUNG_SAME) {
        errors_add(&e, s->at, "sink %s: plugin %s is not checked: %s, and no signal ends %s",
                   s->name, s->plugin,
                   place == NULL ? "too many processes hang" : "an earlier check of it hangs",
                   place == NULL ? "them" : "it");
    } else {
        hung_at(place, what);
        watch_check(w, &pid, &o, &e);
    }
    if (!send_outcome(w->out, &o, &e))
        return 1;
    fd_close(&w->out);
    if (pid > 0) { /* whoever asked may go */
        (void)prctl(PR_SET_PDEATHSIG, 0);
        (void)process_wait(pid, INT64_MAX, &status);
    }
    return 0;
}

/* --- all of them --- */

struct running {
    struct plugin_check *check; /* NULL: there is none */
    pid_t pid;
    int fd;
    struct buf got;
};

static bool start_watch(struct watch *w, struct running *r, struct plugin_check *check)
{
    int fds[2], keep[3];

    if (fd_pipe(fds, 0, 0) < 0)
        return false;
    w->check = check;
    w->parent = getpid();
    keep[0] = w->out = fds[1];
    keep[1] = w->hung.fd;
    keep[2] = w->snapshot_fd;
    *r = (struct running){check, spawn_helper("garnetd-check", keep, 3, watch, w), fds[0], {0}};
    fd_close(&fds[1]);
    if (r->pid >= 0)
        return true;
    fd_close(&r->fd);
    r->check = NULL;
    return false;
}

static void take_outcome(const struct watch *w, struct running *r)
{
    struct plugin_check *c = r->check;
    struct outcome o;
    int status;

    if (buf_ok(&r->got) && r->got.n >= sizeof o) {
        memcpy(&o, r->got.p, sizeof o);
        c->of_text = o.of_text;
        c->said.n = o.errors;
        buf_put(&c->said.text, r->got.p + sizeof o, r->got.n - sizeof o);
        if (o.given_up)
            hung_give_up(&w->hung, r->pid);
    } else {
        errors_add(&c->said, c->sink->at,
                   "sink %s: plugin %s could not be checked: the process that waits for it died",
                   c->sink->name, c->sink->plugin);
    }
    (void)process_wait(r->pid, clock_mono() + reap_bound, &status);
    fd_close(&r->fd);
    buf_free(&r->got);
    r->check = NULL;
}

static void read_watch(const struct watch *w, struct running *r)
{
    char chunk[4096];
    ssize_t n = read(r->fd, chunk, sizeof chunk);

    if (n > 0)
        buf_put(&r->got, chunk, (size_t)n);
    else if (n == 0 || errno != EINTR)
        take_outcome(w, r);
}

/* Waits for one of them to say more. False: none runs. */
static bool wait_for_one(const struct watch *w, struct running r[CHECKS_AT_ONCE])
{
    struct pollfd p[CHECKS_AT_ONCE];
    bool any = false;

    for (int i = 0; i < CHECKS_AT_ONCE; i++) {
        p[i] = (struct pollfd){r[i].check != NULL ? r[i].fd : -1, POLLIN, 0};
        any |= r[i].check != NULL;
    }
    if (any && poll(p, CHECKS_AT_ONCE, -1) > 0)
        for (int i = 0; i < CHECKS_AT_ONCE; i++)
            if (p[i].revents != 0)
                read_watch(w, &r[i]);
    return any;
}

/* False with errno: one could not be begun. */
static bool run_all(struct watch *w, struct plugin_check *c, size_t n)
{
    struct running r[CHECKS_AT_ONCE] = {0};
    size_t next = 0;
    int failed = 0;

    do {
        for (int i = 0; i < CHECKS_AT_ONCE && next < n && failed == 0; i++)
            if (r[i].check == NULL && !start_watch(w, &r[i], &c[next++]))
                failed = errno;
    } while (wait_for_one(w, r));
    errno = failed;
    return failed == 0;
}

bool plugin_check_all(struct plugin_check *c, size_t n, const char *program, int snapshot_fd,
                      int hung)
{
    struct watch w = {.program = program, .snapshot_fd = snapshot_fd};
    bool ok = n == 0 || (hung_open(&w.hung, hung) && run_all(&w, c, n));

    for (size_t i = 0; i < n; i++)
        ok = ok && buf_ok(&c[i].said.text);
    hung_close(&w.hung);
    return ok;
}
