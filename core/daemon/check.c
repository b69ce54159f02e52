/* daemon/check.c - conf_load(), then one `garnet-sink check` for each sink, one after the other. What a
 * check says and prints is read to its end or to the deadline; a check that is late is killed.
 */
#include "daemon/check.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/privileges.h"
#include "base/process.h"
#include "base/text.h"
#include "conf/facts.h"
#include "conf/load.h"
#include "daemon/generation.h"
#include "keep/warder.h"
#include "model/worker.h"

enum { CHECK_OUTPUT_MAX = 64 << 10, CHECK_LINES = 20 };
static const int64_t check_deadline = 5 * NS_PER_S;

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
            .fds = {-1, printed[1], printed[1], [WORKER_SNAPSHOT] = snapshot_fd,
                    [WORKER_CONTROL] = -1, [WORKER_SCOREBOARD] = -1, [WORKER_LOG] = said[1]},
            .nfds = WORKER_FDS});
    fd_close(&said[1]);
    fd_close(&printed[1]);
    s[SAYS].fd = said[0];
    s[PRINTS].fd = printed[0];
    return pid;
}

enum asked { NOT_ASKED /* errno says why */, OF_TEXT, ASKED };

static enum asked ask_plugin(const struct conf_sink *s, const char *program, int snapshot_fd,
                             struct errors *e)
{
    struct stream said[STREAMS] = {{.text.max = CHECK_OUTPUT_MAX + 4096},
                                   {.text.max = CHECK_OUTPUT_MAX + 4096}};
    pid_t pid = start_check(s, program, snapshot_fd, said);
    int err = errno;
    enum asked asked = NOT_ASKED;

    if (pid >= 0) {
        int64_t deadline = clock_mono() + check_deadline;
        bool in_time = read_until_end(said, deadline);
        int status;

        if (!process_wait(pid, deadline, &status)) { /* also one that only closed its output */
            kill(pid, SIGKILL);
            (void)process_wait(pid, INT64_MAX, &status);
        }
        asked = check_result(s, in_time, status, said, e) ? OF_TEXT : ASKED;
    }
    for (int i = 0; i < STREAMS; i++) {
        fd_close(&said[i].fd);
        buf_free(&said[i].text);
    }
    errno = err;
    return asked;
}

/* What is wrong goes to `e`; to the snapshot, as a fact, if the text is not to blame, or without an `e`.
 * False: it was not asked, or there was no memory. */
static bool check_sink(const struct conf_sink *s, const char *program, int snapshot_fd,
                       struct snapshot *snap, struct errors *e)
{
    struct errors own = {0};
    enum asked asked = ask_plugin(s, program, snapshot_fd, &own);
    bool ok = asked != NOT_ASKED && buf_ok(&own.text);

    if (asked == OF_TEXT && e != NULL) {
        errors_join(e, &own, false);
    } else if (own.n > 0) {
        buf_putc(&own.text, '\0');
        ok = buf_ok(&own.text) && fact_put_check(snap, s->name, own.text.p);
    }
    errors_free(&own);
    return ok;
}

/* Of those that are not refused, and were in `was` (NULL: all). False: there was no memory, no
 * descriptor or no process. */
static bool check_sinks(struct snapshot *snap, const struct conf *c, const struct conf *was,
                        const char *program, struct errors *e)
{
    const struct conf_sink *old;
    struct buf bytes = {0};
    bool ok;
    int fd;

    snapshot_write(snap, &bytes);
    fd = buf_ok(&bytes) ? generation_seal((struct str){bytes.p, bytes.n}) : -1;
    ok = fd >= 0;
    for (const struct conf_sink *s = c->sinks; s != NULL && ok; s = s->next)
        if (!s->refused &&
            (was == NULL || (old = conf_sink_named(was, s->name)) == NULL || old->refused))
            ok = check_sink(s, program, fd, snap, e);
    fd_close(&fd);
    buf_free(&bytes);
    return ok;
}

bool check_configuration(const char *path, const struct snapshot *now, int hung,
                         const char *sink_program, struct buf *snapshot, struct errors *e)
{
    struct snapshot snap = {0};
    struct errors checks = {0};
    struct conf *c = conf_load(&snap, path, now, hung, e);

    if (c == NULL) {
        if (!errors_fatal(e))
            errors_world(e, (struct pos){.file = path}, "cannot be read: out of memory");
    } else if (!errors_fatal(e)) {
        if (!check_sinks(&snap, c, NULL, sink_program, &checks))
            errors_world(&checks, (struct pos){.file = path}, "cannot be checked: %s",
                         strerror(errno));
        conf_free(c); /* once more, with what the checks have found */
        errors_free(e);
        c = conf_parse(&snap, e);
        errors_join(e, &checks, false);
    }
    if (c != NULL && c->sinks == NULL && !errors_fatal(e))
        errors_warn(e, (struct pos){snap.files->path, 0, 0}, CHECK_NO_SINK);
    snapshot_write(&snap, snapshot);
    if ((c == NULL || !buf_ok(snapshot)) && !errors_fatal(e))
        errors_world(e, (struct pos){.file = path}, "cannot be checked: out of memory");
    errors_free(&checks);
    conf_free(c);
    snapshot_free(&snap);
    return !errors_fatal(e);
}

/* Of two configurations of the same files. */
static bool same_refused(const struct conf *a, const struct conf *b)
{
    const struct conf_refused *of_a = a->refused, *of_b = b->refused;

    for (; of_a != NULL && of_b != NULL; of_a = of_a->next, of_b = of_b->next)
        if (!conf_refused_alike(b, of_a))
            return false;
    return of_a == NULL && of_b == NULL;
}

/* The look at what was refused for the world: conf_load_refused(), and the checks of sinks that are not
 * any more. 1: something is different; 0: nothing is; -1: there was no memory. */
static int check_refused(struct snapshot *now, int hung, const char *sink_program,
                         struct buf *bytes)
{
    struct errors e = {0};
    struct conf *before = conf_parse(now, &e), *after = NULL;
    int different = -1;

    errors_free(&e);
    if (before != NULL)
        after = conf_load_refused(now, hung, &e);
    errors_free(&e);
    if (after != NULL && check_sinks(now, after, before, sink_program, NULL)) {
        errors_free(&e);
        conf_free(after);
        after = conf_parse(now, &e);
        snapshot_write(now, bytes);
        if (after != NULL && buf_ok(bytes))
            different = !same_refused(before, after);
    }
    errors_free(&e);
    conf_free(before);
    conf_free(after);
    return different;
}

/* --- in a process of its own --- */

static int send_answer(int out, char kind, const struct buf *more)
{
    return fd_write_all(out, &kind, 1) < 0 || fd_write_all(out, more->p, more->n) < 0;
}

static int check_anew(const struct ward_job *j, struct snapshot *now)
{
    struct buf snapshot = {0};
    struct errors e = {0};
    bool good = check_configuration(j->argv[1], now, j->fds[CHECK_HUNG], j->argv[2], &snapshot, &e);

    if (good)
        return send_answer(j->fds[CHECK_ANSWER], 'S', &snapshot);
    return send_answer(j->fds[CHECK_ANSWER], errors_only_world(&e) ? 'W' : 'E', &e.text);
}

static int look_again(const struct ward_job *j, struct snapshot *now)
{
    struct buf snapshot = {0};
    int different = check_refused(now, j->fds[CHECK_HUNG], j->argv[2], &snapshot);
    int out = j->fds[CHECK_ANSWER];

    if (different < 0)
        return 1;
    return different > 0 ? send_answer(out, 'S', &snapshot)
                         : send_answer(out, 'N', &(struct buf){0});
}

/* It keeps garnetd's capabilities, to read what garnetd may and to switch users for a check. What it
 * starts, or has started for it by a directory service's library, gets no others. */
int check_in_child(void *arg)
{
    const struct ward_job *j = arg;
    struct buf bytes = {0};
    struct snapshot now = {0};
    int fd = j->fds[CHECK_NOW];

    signals_release(); /* it has no handlers */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (privileges_no_new() < 0)
        return 1;
    if (fd >= 0 &&
        (fd_read_all(fd, 0, &bytes) < 0 || !snapshot_read(&now, (struct str){bytes.p, bytes.n})))
        return 1;
    if (j->word != 0)
        return look_again(j, &now);
    return check_anew(j, fd >= 0 ? &now : NULL);
}
