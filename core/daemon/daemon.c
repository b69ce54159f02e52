/* daemon/daemon.c - garnetd's parts, and what each means to the others. Only this file knows them
 * all: they are made here, a part below reports here (a folder was replaced, the last collector is
 * gone, a worker has ended), and here stands what the rest makes of it. Everything happens in
 * callbacks of one loop.
 */
#include "daemon/daemon.h"

#include <signal.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log.h"
#include "base/socket_file.h"
#include "collect/keeper.h"
#include "daemon/check.h"
#include "daemon/collectors.h"
#include "daemon/control_socket.h"
#include "daemon/end_plan.h"
#include "daemon/generation.h"
#include "daemon/logwriter.h"
#include "daemon/recall.h"
#include "daemon/reload.h"
#include "daemon/selfmetrics.h"
#include "daemon/sinks.h"
#include "daemon/sockets.h"
#include "daemon/status.h"
#include "daemon/store.h"

static const int64_t nursery_most = 500 * NS_PER_MS; /* for keepers, of which none runs */

enum daemon_phase {
    PHASE_LOADING, /* the first configuration is being read  */
    PHASE_RUNNING,
    PHASE_COLLECTORS, /* ending: runs are being ended            */
    PHASE_INTAKE,     /* ending: what was sent is being taken in */
    PHASE_SINKS,      /* ending: workers deliver                 */
    PHASE_DONE
};

struct daemon {
    struct loop *loop;
    struct generation *gen; /* the one in force; NULL while loading */
    struct reload reload;
    const struct daemon_programs *programs;
    struct store store;
    struct intake *intake; /* NULL again once all is taken in */
    struct source *shared; /* NULL again once it is closed */
    struct selfmetrics self;
    struct sinks sinks;
    struct keepers keepers;
    struct collectors collectors;
    struct logwriter log;
    struct loop_timer housekeeping, phase_timer;
    struct loop_hook after;
    enum daemon_phase phase;
    struct end_plan end;
    struct control_socket control;
    int64_t started;  /* wall */
    const char *path; /* of the configuration */
    int status;       /* exit status */
};

static void next_phase(void *arg);
static void close_spool(struct daemon *d);

/* --- what became of a batch --- */

static void on_written(void *arg)
{
    struct daemon *d = arg;

    sinks_wake(&d->sinks);
}

static void on_spool_begins(void *arg, uint64_t oldest)
{
    struct daemon *d = arg;

    sinks_spool_begins(&d->sinks, oldest);
}

static uint64_t on_no_room(void *arg)
{
    struct daemon *d = arg;

    return sinks_passed(&d->sinks);
}

/* At the end the intake goes before the last sync. */
static void on_verdict(void *arg, uint64_t ticket, const char *why)
{
    const struct daemon *d = arg;

    if (d->intake != NULL)
        intake_known(d->intake, ticket, why);
}

/* --- what its parts report --- */

static void write_garnetd(const struct daemon *d, const struct self_round *at)
{
    sockets_metrics(d->intake, d->shared, at);
    store_metrics(&d->store, at);
    reload_metrics(&d->reload, at);
    status_control_rows(d->control.control, at);
    self_count(at, BASIC, "garnet.log.dropped", "Event", NULL, log_dropped());
}

static void on_self_round(void *arg, const struct self_round *at)
{
    const struct daemon *d = arg;

    collectors_metrics(&d->collectors, at);
    sinks_metrics(&d->sinks, at);
    write_garnetd(d, at);
}

/* --- the control socket --- */

static void on_status_asked(void *arg, struct buf *out)
{
    const struct daemon *d = arg;
    const struct status_of s = {.conf = d->gen->conf,
                                .file = d->path,
                                .phase = d->phase == PHASE_RUNNING ? "running" : "ending",
                                .started = d->started,
                                .reload = &d->reload,
                                .collectors = &d->collectors,
                                .sinks = &d->sinks,
                                .store = &d->store,
                                .intake = d->intake,
                                .shared = d->shared,
                                .control = d->control.control};

    status_put(out, &s);
}

static void on_explain_asked(void *arg, const char *metric, struct buf *out)
{
    const struct daemon *d = arg;

    recall_put(out, metric, &(struct recall_from){d->intake, d->shared, &d->collectors});
}

static bool on_reload_asked(void *arg, struct why *why)
{
    struct daemon *d = arg;

    if (d->phase != PHASE_RUNNING)
        return why_set(why, "garnetd is ending: there is no reload");
    reload_request(&d->reload);
    return d->reload.loading ||
           why_set(why,
                   "there is no process left to read the configuration: garnetd's log says more");
}

/* --- once a second --- */

static void keep_store(struct daemon *d)
{
    struct append *spool = d->store.commit.spool;

    if (d->phase < PHASE_SINKS && commit_look(&d->store.commit, d->store.dir))
        sinks_restart(&d->sinks);
    commit_sync(&d->store.commit);
    if (append_retain(spool, sinks_needed(&d->sinks), clock_wall()) > 0)
        (void)sinks_needed(&d->sinks);                   /* for the log: who has lost by that */
    sinks_spool_begins(&d->sinks, append_oldest(spool)); /* again: a plugin may write there, too */
}

static void on_second(void *arg)
{
    struct daemon *d = arg;

    keep_store(d);
    if (d->phase == PHASE_RUNNING) {
        control_socket_open(&d->control, &d->gen->conf->control);
        sinks_retry(&d->sinks);
        collectors_retry(&d->collectors);
    }
    if (d->phase < PHASE_SINKS)
        sinks_metrics_begun(&d->sinks, &d->self);
    loop_timer_set(d->loop, &d->housekeeping, clock_second(clock_mono() + NS_PER_S), on_second, d);
}

/* --- the start --- */

/* While ending, what clients still send is noticed here, at the end of the turn that took it in. */
static void on_turn_over(void *arg)
{
    struct daemon *d = arg;

    if (d->phase == PHASE_INTAKE)
        next_phase(d);
}

static bool make_parts(struct daemon *d, const struct conf *c)
{
    const struct commit_events commit = {d, on_written, on_verdict};
    const struct sinks_events sinks = {d, next_phase};
    const struct collectors_events collectors = {d, next_phase};
    const struct control_events control = {d, on_status_asked, on_explain_asked, on_reload_asked};

    if (!sockets_lock(c) || !store_open(&d->store, d->loop, &c->spool, &commit))
        return false;
    d->intake = intake_new(d->loop, &c->intake, store_commit, &d->store);
    d->control.control = control_new(d->loop, &control);
    if (d->intake == NULL || d->control.control == NULL) {
        log_error("cannot start: out of memory");
        return false;
    }
    loop_after(d->loop, &d->after, on_turn_over, d); /* behind the intake's own: its turn is over */
    selfmetrics_init(&d->self, d->loop, d->intake, c, on_self_round, d);
    sinks_init(&d->sinks, &d->keepers, d->store.commit.spool, d->store.dir, d->programs->sink,
               &sinks);
    d->store.commit.spool->folder.ev = (struct append_events){d, on_spool_begins, on_no_room};
    collectors_init(&d->collectors, &d->keepers, d->programs->converter, d->intake, &d->self,
                    &collectors);
    collectors_remember(&d->collectors, append_dirfd(d->store.commit.spool));
    d->shared = sockets_open(d->intake, c);
    return d->shared != NULL;
}

static bool start_garnetd(struct daemon *d)
{
    const struct conf *c = d->gen->conf;
    struct self_round beginning;

    log_set_level((enum log_level)c->log_level);
    d->started = clock_wall();
    if (!make_parts(d, c))
        return false;
    d->phase = PHASE_RUNNING;
    sinks_apply(&d->sinks, d->gen);
    collectors_apply(&d->collectors, d->gen);
    on_second(d);
    beginning = selfmetrics_beginning(&d->self, clock_wall());
    write_garnetd(d, &beginning);
    selfmetrics_start(&d->self);
    log_info("garnetd " GARNET_VERSION " takes metrics at %s", c->socket.path);
    return true;
}

static void apply(struct daemon *d, struct generation *g)
{
    struct generation *old = d->gen;
    const struct conf *c = g->conf;

    d->gen = g;
    log_set_level((enum log_level)c->log_level);
    sockets_configure(d->intake, d->shared, c);
    store_configure(&d->store, &c->spool);
    selfmetrics_configure(&d->self, c);
    sinks_apply(&d->sinks, g); /* first: a new sink sees what its new collectors send */
    collectors_apply(&d->collectors, g);
    generation_unref(old);
    if (!d->reload.looking && !d->reload.beside)
        log_info("the configuration was reread and is in use");
}

static void leave_loop(struct daemon *d, int status)
{
    control_socket_end(&d->control, d->gen != NULL ? &d->gen->conf->control : NULL);
    reload_end(&d->reload);
    d->status = status;
    d->phase = PHASE_DONE;
    loop_stop(d->loop);
}

static void on_configuration(void *arg, struct generation *g)
{
    struct daemon *d = arg;

    if (d->phase == PHASE_RUNNING && !d->reload.looking)
        control_socket_reloaded(&d->control, &d->reload, d->gen, g);
    if (d->phase == PHASE_RUNNING && g != NULL) {
        apply(d, g);
    } else if (d->phase == PHASE_LOADING && g == NULL) {
        leave_loop(d, d->reload.world ? EXIT_WORLD : EXIT_CONFIG);
    } else if (d->phase == PHASE_LOADING) {
        d->gen = g;
        if (!start_garnetd(d))
            leave_loop(d, EXIT_WORLD);
    }
}

/* --- the end --- */

static void on_phase_late(void *arg)
{
    struct daemon *d = arg;
    enum daemon_phase late = d->phase; /* killing the last collector may lead to others */

    if (late == PHASE_COLLECTORS) {
        log_warn(
            "collectors that still run are killed: the rest of shutdown_timeout is the sinks'");
        collectors_kill(&d->collectors);
    }
    if (late == PHASE_SINKS) {
        sinks_abandon(&d->sinks);
        close_spool(d);
        return;
    }
    next_phase(d);
}

static void enter_phase(struct daemon *d, enum daemon_phase phase, int64_t until)
{
    d->phase = phase;
    loop_timer_set(d->loop, &d->phase_timer, until, on_phase_late, d);
}

static void close_sockets(struct daemon *d)
{
    source_close(d->shared); /* who has connected by now may have sent, too; nobody else can */
    d->shared = NULL;
    selfmetrics_stop(&d->self);
    enter_phase(d, PHASE_INTAKE, end_plan_intake(&d->end, clock_mono()));
}

/* Clients that stay connected but silent are not waited for. */
static bool intake_done(const struct daemon *d)
{
    return intake_quiet(d->intake) || clock_mono() >= d->phase_timer.at;
}

static void close_intake(struct daemon *d)
{
    unsigned busy = intake_busy(d->intake);
    int64_t left = d->end.sinks - clock_mono();

    if (busy > 0)
        log_warn(
            "ending: %u connections are closed before all that they sent was read and answered",
            busy);
    store_end(&d->store);
    intake_free(d->intake);
    d->intake = NULL;
    enter_phase(d, PHASE_SINKS, d->end.workers);
    sinks_stop(&d->sinks, left > 0 ? left : 0);
}

static void close_spool(struct daemon *d)
{
    loop_timer_clear(d->loop, &d->housekeeping);
    loop_timer_clear(d->loop, &d->phase_timer);
    store_sync_last(&d->store, end_plan_within(&d->end, clock_mono(), NS_PER_S));
    sinks_log_rest(&d->sinks);
    sinks_free(&d->sinks);
    collectors_free(&d->collectors);
    store_close(&d->store);
    leave_loop(d, d->status);
}

/* Something that the current phase waits for may be done: goes as far through the phases of the end
 * as can be gone now. */
static void next_phase(void *arg)
{
    struct daemon *d = arg;

    if (d->phase == PHASE_COLLECTORS && LIST_EMPTY(&d->collectors.list))
        close_sockets(d);
    if (d->phase == PHASE_INTAKE && intake_done(d))
        close_intake(d);
    if (d->phase == PHASE_SINKS && sinks_stopped(&d->sinks))
        close_spool(d);
}

static void on_end_requested(void *arg)
{
    struct daemon *d = arg;

    if (d->phase == PHASE_DONE) /* in this turn: the socket may be another garnetd's */
        return;
    reload_end(&d->reload);
    control_socket_no_more(&d->control);
    if (d->phase == PHASE_LOADING) {
        leave_loop(d, d->status);
    } else if (d->phase == PHASE_RUNNING) {
        int64_t at_most = d->gen->conf->shutdown_timeout;

        log_info("ending: no new runs, then %llds at most to deliver; a second signal ends at once",
                 (long long)(at_most / NS_PER_S));
        d->end = end_plan_of(clock_mono(), at_most);
        enter_phase(d, PHASE_COLLECTORS, d->end.collectors);
        collectors_stop(&d->collectors);
        next_phase(d);
    } else {
        log_warn("ending at once: what is in the spool is sent after the next start");
        socket_remove(d->gen->conf->socket.path, d->gen->conf->socket.own_groups);
        leave_loop(d, EXIT_WORLD);
    }
}

int daemon_run(const char *conf_path, const struct daemon_programs *programs)
{
    static const struct nursery_work work = {keeper_keep_runs, check_in_child};
    static struct daemon d; /* static: timers and hooks in it outlive this frame's callers */
    int64_t now;

    d.programs = programs;
    d.path = conf_path;
    d.loop = loop_new();
    if (d.loop == NULL)
        fatal("cannot start: %m");
    if (keepers_init(&d.keepers, d.loop, &work) < 0)
        fatal("cannot start the nursery: %m");
    if (logwriter_start(&d.log, d.loop) < 0)
        fatal("cannot start the log writer: %m");
    reload_init(&d.reload, &d.keepers, conf_path, programs->sink, on_configuration, &d);
    loop_signal(d.loop, SIGHUP, reload_request, &d.reload);
    loop_signal(d.loop, SIGTERM, on_end_requested, &d);
    loop_signal(d.loop, SIGINT, on_end_requested, &d);
    reload_request(&d.reload);
    if (d.reload.loading)
        loop_run(d.loop);
    else
        d.status = EXIT_WORLD;
    reload_free(&d.reload);
    generation_unref(d.gen);
    now = clock_mono();
    keepers_free(&d.keepers,
                 d.status == EXIT_WORLD ? 0 : end_plan_within(&d.end, now, nursery_most));
    logwriter_stop(&d.log, end_plan_within(&d.end, clock_mono(), NS_PER_S));
    loop_free(d.loop);
    return d.status;
}
