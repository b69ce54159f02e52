/* daemon/reload.c - a child reads and checks, and answers over its pipe (daemon/check.h). A child that dies, is late
 * or cannot be started is a failure like an error: it is counted, and the old configuration stays. The
 * snapshot becomes a configuration of this process; what may not change while garnetd runs is compared
 * with the one before. A collector that is refused is logged when it is, and when it no longer is. It is one
 * state, in one file of a few lines more than 400.
 */
#include "daemon/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/hung.h"
#include "conf/snapshot.h"
#include "daemon/check.h"

enum { LOAD_MAX = 32 << 20, LOAD_PIECE = 1 << 16, WRONG_MAX = 1 << 16 };
static const int64_t load_deadline = 60 * NS_PER_S, look_pause = 30 * NS_PER_S;

void reload_init(struct reload *r, struct keepers *keepers, const char *path,
                 const char *sink_program, void (*loaded)(void *arg, struct generation *g),
                 void *arg)
{
    *r = (struct reload){.loop = keepers->loop,
                         .keepers = keepers,
                         .hung = hung_table(),
                         .path = path,
                         .sink_program = sink_program,
                         .loaded = loaded,
                         .arg = arg,
                         .look_every = look_pause};
    loop_fd_init(&r->pipe);
}

static void close_load(struct reload *r)
{
    int fd = r->pipe.fd;

    loop_fd_del(r->loop, &r->pipe);
    fd_close(&fd);
}

static void on_killed_gone(void *arg, const struct ward_end *end)
{
    (void)arg, (void)end;
}

static void stop_loading(struct reload *r)
{
    const struct ward_events ev = {.ended = on_killed_gone};

    ward_signal(&r->child, SIGKILL);
    if (ward_runs(&r->child) && !ward_runs(&r->killed))
        ward_move(&r->killed, &r->child, &ev);
    ward_abandon(&r->child);
    loop_timer_clear(r->loop, &r->deadline);
    close_load(r);
    buf_free(&r->got);
    r->loading = false;
}

void reload_end(struct reload *r)
{
    r->ended = true;
    loop_timer_clear(r->loop, &r->look);
    stop_loading(r);
    ward_abandon(&r->killed);
}

void reload_free(struct reload *r)
{
    reload_end(r);
    buf_free(&r->wrong);
    fd_close(&r->hung);
    generation_unref(r->now);
}

/* 1 while it is refused; who cannot be named is only in the number of all. */
static void write_refused(struct self_round at, const char *collector, bool refused)
{
    at.key = "collector", at.val = collector;
    if (collector != NULL)
        self_gauge(&at, BASIC, "garnet.collector.refused", "", refused);
}

void reload_metrics(const struct reload *r, const struct self_round *at)
{
    uint64_t collectors = 0, sinks = 0;

    self_count(at, BASIC, "garnet.reload.failures", "Event", NULL, r->failures);
    for (const struct conf_refused *q = r->now->conf->refused; q != NULL; q = q->next) {
        write_refused(*at, q->collector, true);
        sinks += q->sink != NULL;
        collectors += q->sink == NULL;
    }
    for (const struct conf_collector *k = r->now->conf->collectors; k != NULL; k = k->next)
        write_refused(*at, !k->kept ? k->name : NULL, false);
    self_gauge(at, BASIC, "garnet.collectors.refused", "", collectors);
    self_gauge(at, BASIC, "garnet.sinks.refused", "", sinks);
}

/* --- what a child has read --- */

static const char DIED[] = "the configuration could not be checked: the process doing it died\n";

static void log_lines(enum log_level level, const char *text)
{
    struct str rest = str_of(text), line;

    while (str_line(&rest, &line))
        log_at(level, "%.*s", (int)line.n, line.s);
}

/* As far as there is room and memory: the log has all. */
static void keep_wrong(struct reload *r, struct str text)
{
    buf_reset(&r->wrong);
    buf_put(&r->wrong, text.s, text.n < WRONG_MAX ? text.n : WRONG_MAX);
    if (!buf_ok(&r->wrong))
        buf_free(&r->wrong);
}

static void refuse_conf(struct reload *r, const char *text)
{
    log_lines(LOG_L_ERROR, text);
    keep_wrong(r, str_of(text));
    r->failures++;
    if (r->now != NULL)
        log_error("the new configuration is not used: the old one stays");
}

/* "collector NAME", "sink NAME", or the file. */
static void name_refused(const struct conf_refused *q, struct why *name)
{
    if (q->sink != NULL)
        why_set(name, "sink %s", q->sink);
    else if (q->collector != NULL)
        why_set(name, "collector %s", q->collector);
    else
        why_set(name, "%s", q->file);
}

static void log_refused(const struct conf_refused *q, int64_t look_every)
{
    const char *state = q->sink != NULL ? "does not run, or runs on as it was"
                        : q->kept       ? "runs on as it was"
                                        : "does not run";
    struct why name;

    name_refused(q, &name);
    log_lines(LOG_L_ERROR, q->lines);
    if (q->world)
        log_error("%s is refused and %s: it is looked at again every %gs, and starts by itself",
                  name.text, state, (double)look_every / NS_PER_S);
    else
        log_error("%s is refused and %s: mend its file and send SIGHUP", name.text, state);
}

/* A look says only what is new. */
static void log_all_refused(const struct reload *r, const struct conf *next)
{
    const struct conf *before = r->looking ? r->now->conf : NULL;
    struct why name;

    for (const struct conf_refused *q = next->refused; q != NULL; q = q->next)
        if (before == NULL || !conf_refused_alike(before, q))
            log_refused(q, r->look_every);
    for (const struct conf_refused *q = before != NULL ? before->refused : NULL; q != NULL;
         q = q->next)
        if (conf_refused_same(next, q) == NULL) {
            name_refused(q, &name);
            log_info("%s is no longer refused", name.text);
        }
}

/* What has come to the folder of scripts, and gone from it; other collectors do so by a SIGHUP alone. */
static void log_scripts(const struct conf *before, const struct conf *next)
{
    for (const struct conf_collector *k = next->collectors; k != NULL; k = k->next)
        if (conf_collector_named(before, k->name) == NULL)
            log_info("collector %s: %s is there, and runs each %gs", k->name, k->node->at.file,
                     (double)k->interval / (double)NS_PER_S);
    for (const struct conf_collector *k = before->collectors; k != NULL; k = k->next)
        if (conf_collector_named(next, k->name) == NULL)
            log_info("collector %s: %s is gone", k->name, k->node->at.file);
}

/* The snapshot has been checked by the child; here it becomes a configuration of this process. NULL:
 * refused. */
static struct generation *accept_snapshot(struct reload *r, struct str bytes)
{
    struct snapshot snap = {0};
    struct errors e = {0};
    struct generation *g = NULL;
    struct conf *c = snapshot_read(&snap, bytes) ? conf_parse(&snap, &e) : NULL;
    const char *no = NULL;

    if (c == NULL)
        no = "the configuration cannot be used: out of memory\n";
    else if (errors_fatal(&e))
        no = e.text.p != NULL ? e.text.p : "the configuration cannot be used: out of memory\n";
    else if ((g = generation_new(c, bytes)) == NULL)
        no = strerror(errno);
    buf_putc(&e.warnings, '\0');
    if (g != NULL && buf_ok(&e.warnings) && !r->looking)
        log_lines(LOG_L_WARN, e.warnings.p);
    if (g != NULL && c->sinks == NULL && !r->looking)
        log_warn("%s: " CHECK_NO_SINK, r->path);
    if (g != NULL && r->looking)
        log_scripts(r->now->conf, c);
    if (g != NULL)
        log_all_refused(r, c);
    else
        refuse_conf(r, no);
    if (g == NULL)
        conf_free(c);
    errors_free(&e);
    snapshot_free(&snap);
    return g;
}

/* --- the child --- */

/* Error lines of the main file, and a snapshot that has the one in use. NULL: refused. */
static struct generation *take_beside(struct reload *r, struct str rest)
{
    struct generation *g;
    uint32_t n = 0;
    struct buf lines = {0};

    if (rest.n >= sizeof n)
        memcpy(&n, rest.s, sizeof n);
    if (rest.n < sizeof n || n > rest.n - sizeof n) {
        refuse_conf(r, DIED);
        return NULL;
    }
    buf_put(&lines, rest.s + sizeof n, n);
    buf_putc(&lines, '\0');
    log_lines(LOG_L_ERROR, buf_ok(&lines) ? lines.p : "");
    keep_wrong(r, (struct str){rest.s + sizeof n, n});
    buf_free(&lines);
    log_error("%s is not used: the old one stays; the collectors' files are applied", r->path);
    g = accept_snapshot(r, (struct str){rest.s + sizeof n + n, rest.n - sizeof n - n});
    r->failures += g != NULL;
    return g;
}

static const char *name_death(const struct reload *r, struct why *why)
{
    if (r->how.error == 0)
        return DIED;
    why_set(why,
            "the configuration could not be checked: the process for it cannot be started: %s\n",
            strerror(r->how.error));
    return why->text;
}

/* NULL: refused. */
static struct generation *take_load(struct reload *r, struct buf *got, bool late)
{
    const char *errors;
    struct why why;

    r->beside = !late && buf_ok(got) && got->n > 0 && got->p[0] == 'M';
    r->world = late || got->n == 0 || got->p[0] != 'E';
    if (r->beside)
        return take_beside(r, (struct str){got->p + 1, got->n - 1});
    buf_putc(got, '\0');
    if (late)
        errors = "the configuration could not be checked within 60s: is a file or folder on a dead "
                 "mount?\n";
    else if (!buf_ok(got))
        errors = "the configuration could not be checked: out of memory\n";
    else if (got->n < 2 || strchr("SEW", got->p[0]) == NULL)
        errors = name_death(r, &why);
    else if (got->p[0] != 'S')
        errors = got->p + 1;
    else
        return accept_snapshot(r, (struct str){got->p + 1, got->n - 2});
    refuse_conf(r, errors);
    return NULL;
}

/* NULL: nothing has changed, or it could not be found out, which is tried again. */
static struct generation *take_look(struct reload *r, struct buf *got, bool late)
{
    bool failed = late || !buf_ok(got) || got->n < 1 || (got->p[0] != 'S' && got->p[0] != 'N');

    if (failed && !r->look_failed)
        log_warn("what is refused cannot be looked at: the process doing it %s; trying again",
                 late                ? "did not end within 60s"
                 : r->how.error != 0 ? "cannot be started"
                                     : "died");
    r->look_failed = failed;
    if (failed || got->p[0] == 'N')
        return NULL;
    return accept_snapshot(r, (struct str){got->p + 1, got->n - 1});
}

/* False with errno. */
static bool start_loading(struct reload *r);

static bool start_lost_again(struct reload *r)
{
    if (r->lost || !r->how.lost)
        return false;
    r->lost = true;
    log_warn("the process reading the configuration has lost its keeper (somebody killed it): it "
             "is started once more");
    stop_loading(r);
    r->loading = start_loading(r);
    return r->loading;
}

static void on_look_due(void *arg);

static void plan_look(struct reload *r)
{
    const struct conf *c = r->now != NULL ? r->now->conf : NULL;
    const struct conf_refused *q = c != NULL ? c->refused : NULL;

    while (q != NULL && !q->world)
        q = q->next;
    if ((q != NULL || (c != NULL && c->scripts_there)) && !r->ended)
        loop_timer_set(r->loop, &r->look, clock_mono() + r->look_every, on_look_due, r);
}

static void end_load(struct reload *r, bool late)
{
    struct buf got;
    struct generation *g;

    if (!late && start_lost_again(r))
        return;
    got = r->got;
    r->got = (struct buf){0};
    stop_loading(r);
    g = r->looking ? take_look(r, &got, late) : take_load(r, &got, late);
    buf_free(&got);
    if (g != NULL) {
        generation_unref(r->now);
        r->now = generation_ref(g);
        r->applied_ns = clock_wall();
        if (!r->looking && !r->beside)
            buf_reset(&r->wrong);
    }
    if (g != NULL || !r->looking)
        r->loaded(r->arg, g);
    r->looking = false;
    if (r->again)
        reload_request(r);
    else
        plan_look(r);
}

static void on_load_read(void *arg, uint32_t events)
{
    struct reload *r = arg;
    char *room = buf_room(&r->got, LOAD_PIECE), waste[256];
    ssize_t n =
        read(r->pipe.fd, room != NULL ? room : waste, room != NULL ? LOAD_PIECE : sizeof waste);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        r->got.n += room != NULL ? (size_t)n : 0;
        return;
    }
    close_load(r);
    if (!ward_runs(&r->child))
        end_load(r, false);
}

static void on_load_ended(void *arg, const struct ward_end *end)
{
    struct reload *r = arg;

    r->how = *end;
    if (r->pipe.fd < 0)
        end_load(r, false);
}

static void on_load_late(void *arg)
{
    end_load(arg, true);
}

static bool start_loading(struct reload *r)
{
    const char *argv[] = {"garnetd-load", r->path, r->sink_program, NULL};
    struct ward_job job = {
        .argv = argv,
        .helper = true,
        .word = r->looking ? (uint32_t)(r->look_every / NS_PER_MS) + 1 : 0,
        .fds = {-1, -1, STDERR_FILENO, [CHECK_NOW] = r->now != NULL ? r->now->snapshot_fd : -1,
                [CHECK_HUNG] = r->hung},
        .nfds = CHECK_FDS};
    const struct ward_events ev = {.arg = r, .ended = on_load_ended};
    bool started = false;
    int fds[2];

    r->how = (struct ward_end){0};
    loop_timer_clear(r->loop, &r->look);
    if (fd_pipe(fds, O_NONBLOCK, 0) < 0)
        return false;
    job.fds[CHECK_ANSWER] = fds[1];
    if (loop_fd_add(r->loop, &r->pipe, fds[0], LOOP_IN, on_load_read, r) == 0)
        started = ward_start(&r->child, r->keepers, "reading the configuration", &job, &ev) == 0;
    fd_close(&fds[1]);
    if (!started) {
        loop_fd_del(r->loop, &r->pipe);
        fd_close(&fds[0]);
        return false;
    }
    r->got = (struct buf){.max = LOAD_MAX};
    loop_timer_set(r->loop, &r->deadline, clock_mono() + load_deadline, on_load_late, r);
    return true;
}

/* There was no process for it, or no descriptor. */
static void cannot_load(struct reload *r, int error)
{
    struct why why;

    r->failures++;
    why_set(&why, "the configuration cannot be read: %s\n", strerror(error));
    keep_wrong(r, str_of(why.text));
    log_error("%.*s; %s", (int)strcspn(why.text, "\n"), why.text,
              r->now != NULL ? "the old one stays" : "giving up");
    plan_look(r);
    if (r->now != NULL)
        r->loaded(r->arg, NULL);
}

void reload_request(void *arg)
{
    struct reload *r = arg;

    if (r->ended)
        return;
    if (r->looking)
        stop_loading(r);
    r->looking = false;
    r->again = r->loading;
    if (r->again)
        return;
    r->lost = false;
    r->loading = start_loading(r);
    if (!r->loading)
        cannot_load(r, errno);
}

static void on_look_due(void *arg)
{
    struct reload *r = arg;

    r->looking = !ward_runs(&r->killed);
    r->beside = r->lost = false;
    r->loading = r->looking && start_loading(r);
    if (r->loading)
        return;
    r->looking = false;
    plan_look(r);
}
