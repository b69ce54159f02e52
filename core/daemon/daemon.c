/* garnetd from start to end: what is made once, what a signal means, and in which order things go.
 *
 * The end goes with the data: no new runs and the old ones ended, then what they sent is taken
 * in, then the workers deliver, for `shutdown_timeout` at most, then the socket goes. Dying at
 * any point of it loses nothing that was accepted. At the start it dies of a configuration with
 * errors (EXIT_CONFIG), and of a socket or spool that is in use or cannot be made (EXIT_WORLD).
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/logwriter.h"
#include "daemon/load.h"
#include "daemon/programs.h"
#include "intake/folder.h"
#include "intake/lock.h"

static void log_writer_again(void *arg);
static void after_turn(void *arg);

static const int64_t intake_bound = 2 * NS_PER_S; /* for taking in what was sent before the end */

struct generation *generation_new(struct conf *c, struct str snapshot)
{
    struct generation *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    *g = (struct generation){.conf = c, .snapshot_fd = load_memfd(snapshot), .refs = 1};
    if (g->snapshot_fd >= 0)
        return g;
    free(g);
    return NULL;
}

struct generation *generation_ref(struct generation *g)
{
    g->refs++;
    return g;
}

void generation_unref(struct generation *g)
{
    if (!g || --g->refs > 0)
        return;
    fd_close(&g->snapshot_fd);
    conf_free(g->conf);
    free(g);
}

/* What a garnetd that was killed has left: we hold its lock, so its collectors' sockets are
 * nobody's. */
static void remove_stale_sockets(const struct conf *c)
{
    struct arena a = {0};
    char *sample = conf_collector_socket(&a, c, "x");
    if (sample)
        folder_remove_sockets(sample, c->socket.own_groups);
    arena_free(&a);
}

struct source_config daemon_shared(const struct conf *c)
{
    return (struct source_config){.path = c->socket.path,
                                  .own_groups = c->socket.own_groups,
                                  .mode = c->socket.mode,
                                  .uid = (uid_t)-1,
                                  .group = c->socket.group,
                                  .tags = {&c->tags, NULL}};
}

static bool open_intake(struct daemon *d, const struct conf *c)
{
    char why[256];
    d->intake = intake_new(d->loop, &c->intake, store_commit, d);
    if (!d->intake) {
        log_error("intake: out of memory");
        return false;
    }
    loop_after(d->loop, &d->after, after_turn,
               d); /* behind the intake's own: what is over is over */
    struct source_config sc = daemon_shared(c);
    d->shared = source_open(d->intake, &sc, why);
    if (!d->shared)
        log_error("socket: %s", why);
    return d->shared != NULL;
}

/* The shared socket, and the folder of the collectors' own: another daemon may have its socket
 * beside ours. Held for life, so the descriptors are not kept. */
static bool lock_sockets(const struct conf *c)
{
    char why[256];
    struct arena a = {0};
    char *folder = conf_collector_socket(&a, c, "x");
    char *slash = folder ? strrchr(folder, '/') : NULL;
    bool good = slash != NULL;
    if (slash)
        *slash = '\0';
    good = good && socket_lock(c->socket.path, c->socket.own_groups, why) >= 0 &&
           socket_lock(folder, c->socket.own_groups, why) >= 0;
    if (!good)
        log_error("socket: %s", slash ? why : "out of memory");
    arena_free(&a);
    return good;
}

static void every_second(void *arg)
{
    struct daemon *d = arg;
    store_housekeeping(d);
    sinks_retry(d);
    collectors_retry(d);
    if (d->intake)
        selfmetrics_sinks(d);
    loop_timer_set(d->loop, &d->housekeeping, clock_mono() + NS_PER_S, every_second, d);
}

bool daemon_start(struct daemon *d, struct generation *g)
{
    const struct conf *c = g->conf;
    d->gen = g;
    log_set_level((enum log_level)c->log_level);
    if (!lock_sockets(c) || !store_open(d, &c->spool))
        return false;
    remove_stale_sockets(c);
    if (!open_intake(d, c))
        return false;
    d->phase = PHASE_RUNNING;
    sinks_apply(d, g);
    collectors_apply(d, g);
    every_second(d);
    selfmetrics_begin(d);
    log_info("garnetd " GARNET_VERSION " takes metrics at %s", c->socket.path);
    return true;
}

static void phase_late(void *arg)
{
    struct daemon *d = arg;
    if (d->phase == PHASE_COLLECTORS) {
        log_warn("shutdown_timeout has passed: collectors that still run are killed");
        collectors_kill(d);
    }
    daemon_next(d);
}

static void enter(struct daemon *d, enum daemon_phase phase, int64_t at_most)
{
    d->phase = phase;
    loop_timer_set(d->loop, &d->phase_timer, clock_mono() + at_most, phase_late, d);
}

/* Who has connected by now may have sent, too; nobody else can. */
static void close_sockets(struct daemon *d)
{
    source_close(d->shared);
    d->shared = NULL;
    loop_timer_clear(d->loop, &d->self_timer);
    enter(d, PHASE_INTAKE, intake_bound);
}

/* Clients that stay connected but silent are not waited for. */
static bool intake_done(const struct daemon *d)
{
    return intake_quiet(d->intake) || clock_mono() >= d->phase_timer.at;
}

static void close_intake(struct daemon *d)
{
    unsigned busy = intake_busy(d->intake);
    if (busy > 0)
        log_warn(
            "ending: %u connections are closed before all that they sent was read and answered",
            busy);
    store_end(d);
    intake_free(d->intake);
    d->intake = NULL;
    int64_t left = d->end_by - clock_mono();
    d->phase = PHASE_SINKS;
    sinks_stop(d, left > 0 ? left : 0);
}

static void close_spool(struct daemon *d)
{
    loop_timer_clear(d->loop, &d->housekeeping);
    store_sync_last(d);
    sinks_tell_rest(d);
    sinks_free(d);
    append_close(d->spool);
    d->phase = PHASE_DONE;
    loop_stop(d->loop);
}

/* Goes as far through the phases of the end as can be gone now. */
void daemon_next(struct daemon *d)
{
    if (d->phase == PHASE_COLLECTORS && !d->collectors)
        close_sockets(d);
    if (d->phase == PHASE_INTAKE && intake_done(d))
        close_intake(d);
    if (d->phase == PHASE_SINKS && sinks_stopped(d) && !d->orphans.armed)
        close_spool(d);
}

static void end_requested(void *arg)
{
    struct daemon *d = arg;
    if (d->load)
        load_cancel(d->load);
    d->load = NULL;
    if (d->phase == PHASE_LOADING) {
        d->phase = PHASE_DONE;
        loop_stop(d->loop);
    } else if (d->phase == PHASE_RUNNING) {
        log_info("ending: no new runs, then %llds at most to deliver; a second signal ends at once",
                 (long long)(d->gen->conf->shutdown_timeout / NS_PER_S));
        d->end_by = clock_mono() + d->gen->conf->shutdown_timeout;
        enter(d, PHASE_COLLECTORS, d->gen->conf->shutdown_timeout);
        collectors_stop(d);
        daemon_next(d);
    } else {
        log_warn("ending at once: what is in the spool is sent after the next start");
        folder_remove_socket(d->gen->conf->socket.path, d->gen->conf->socket.own_groups);
        d->status = EXIT_WORLD;
        d->phase = PHASE_DONE;
        loop_stop(d->loop);
    }
}

/* While ending, what clients still send is noticed here, at the end of the turn that took it in. */
static void after_turn(void *arg)
{
    struct daemon *d = arg;
    if (d->phase == PHASE_INTAKE)
        daemon_next(d);
}

/* ---- the log writer -------------------------------------------------------------------------- */

static void log_writer_ended(void *arg, int status, const struct rusage *ru)
{
    struct daemon *d = arg;
    (void)status, (void)ru;
    loop_timer_set(d->loop, &d->log_again, clock_mono() + NS_PER_S, log_writer_again, d);
}

/* Lines wait in the pipe meanwhile. */
static void log_writer_again(void *arg)
{
    struct daemon *d = arg;
    pid_t pid = logwriter_again();
    if (pid < 0) {
        loop_timer_set(d->loop, &d->log_again, clock_mono() + NS_PER_S, log_writer_again, d);
        return;
    }
    loop_child_add(d->loop, &d->log_writer, pid, log_writer_ended, d);
    log_warn("the log writer had died; another one writes");
}

int daemon_run(const char *conf_path)
{
    static struct daemon d; /* static: timers and hooks in it outlive this frame's callers */
    d = (struct daemon){.conf_path = conf_path, .sink_program = program_path("garnet-sink")};
    d.loop = loop_new();
    if (!d.loop)
        fatal("cannot start: %m");
    pid_t writer = logwriter_start();
    if (writer < 0)
        fatal("cannot start the log writer: %m");
    loop_child_add(d.loop, &d.log_writer, writer, log_writer_ended, &d);
    loop_signal(d.loop, SIGHUP, reload_request, &d);
    loop_signal(d.loop, SIGTERM, end_requested, &d);
    loop_signal(d.loop, SIGINT, end_requested, &d);
    orphans_start();
    reload_request(&d);
    if (d.load)
        loop_run(d.loop);
    else
        d.status = EXIT_WORLD;
    generation_unref(d.gen);
    writer = d.log_writer.pid;
    loop_child_del(d.loop, &d.log_writer);
    loop_free(d.loop);
    logwriter_stop(writer, 1000);
    return d.status;
}
