/* sink/job.c - a worker's state: made ready, told things, and taken apart
 *
 * A stop by SIGTERM must also reach a plugin that blocks: so it is a real handler, without
 * SA_RESTART, that starts a 2 s alarm and wakes the loop; the alarm ends us, and where garnetd is no
 * more, what the plugin has started with us. Nothing is lost by that: the cursor on disk is never
 * ahead of what has arrived. Whatever cannot be made ready ends the worker with its reason in the
 * log.
 */
#include "sink/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "base/throttle.h"
#include "delivery/transports.h"
#include "spool/opener.h"

enum { STOP_GRACE_S = 2 };
static const int64_t LOCK_RETRY = 100 * NS_PER_MS, LOCK_SILENCE = 1 * NS_PER_S,
                     LOCK_PATIENCE = 5 * NS_PER_S;

/* For the signal handler, and only there to be seen by the loop. */
static volatile sig_atomic_t terminated;
static int wake_fd = -1;
static pid_t parent;

/* ---- being told things ----------------------------------------------------------------------- */

static void on_term(int signo)
{
    const uint64_t one = 1;
    int keep = errno;

    (void)signo;
    terminated = 1;
    (void)alarm(STOP_GRACE_S);
    if (write(wake_fd, &one, sizeof one) < 0)
        terminated = 1; /* nothing better to do: the loop wakes up by itself within a second */
    errno = keep;
}

static void on_alarm(int signo)
{
    if (getppid() != parent && getpgrp() == getpid())
        (void)kill(0, SIGKILL);
    (void)signal(signo, SIG_DFL);
    (void)raise(signo); /* comes when we return */
}

static int catch_term(void)
{
    struct sigaction action = {.sa_handler = on_term}, end = {.sa_handler = on_alarm};
    sigset_t set;

    parent = getppid();
    (void)sigemptyset(&end.sa_mask);
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGALRM);
    if (sigaction(SIGALRM, &end, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        return -1;
    return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_wake(void *arg, uint32_t events)
{
    struct job *j = arg;
    uint64_t count;

    (void)events;
    if (read(j->wake_watch.fd, &count, sizeof count) < 0)
        count = 0; /* read already */
}

/* What waits for its next attempt gets it now, and no other. */
static void finish(struct job *j)
{
    j->finish = true;
    j->deliver.retry_ns = 0;
    outlet_hurry(&j->outlet);
}

static void hear(struct job *j, char c)
{
    if (c == 'q')
        finish(j);
    j->look |= !j->seen;
}

static void on_control(void *arg, uint32_t events)
{
    struct job *j = arg;
    char said[256];
    ssize_t n = recv(j->control, said, sizeof said, MSG_DONTWAIT);

    (void)events;
    for (ssize_t i = 0; i < n; i++)
        hear(j, said[i]);
    if (n < 0 && (errno == EBADF || errno == ENOTSOCK)) {
        log_error("its control socket is closed: by the plugin, which closes descriptors that are "
                  "not its own");
        job_stop(j, EXIT_WORLD);
    } else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        j->gone = true;
        loop_fd_del(j->loop, &j->control_watch);
    }
}

/* Lost when garnetd does not read: it then has other worries. */
void job_say(struct job *j, char c)
{
    if (send(j->control, &c, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
        j->gone = true;
}

bool job_stopping(const struct job *j)
{
    return terminated || j->gone || j->status != JOB_RUNNING;
}

void job_step(struct job *j, enum scoreboard_step to)
{
    j->steps += SCOREBOARD_STEP_ONE;
    atomic_store_explicit(&j->board->step,
                          to == SCOREBOARD_WAITS ? SCOREBOARD_WAITS : j->steps | to,
                          memory_order_relaxed);
}

void job_doubt(struct job *j, uint64_t metrics)
{
    atomic_store(&j->board->in_doubt, atomic_load(&j->board->in_doubt) + metrics);
}

void job_stop(struct job *j, int status)
{
    if (j->status == JOB_RUNNING)
        j->status = status;
}

void job_give_up(struct job *j)
{
    log_error("the plugin gives up: %s", j->plugin.why);
    job_stop(j, EXIT_PLUGIN);
}

/* Waits, hearing what is said. False when stopping: also when asked to finish, since nothing has
 * begun. */
static bool pause_for(struct job *j, int64_t ns)
{
    int64_t end = clock_mono() + ns, now;

    while (!job_stopping(j) && !j->finish && (now = clock_mono()) < end)
        (void)loop_turn(j->loop, end - now);
    return !job_stopping(j) && !j->finish;
}

/* ---- getting ready --------------------------------------------------------------------------- */

static bool start_loop(struct job *j)
{
    j->loop = loop_new();
    if (j->loop == NULL)
        return false;
    wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake_fd >= 0 && catch_term() == 0 &&
           loop_fd_add(j->loop, &j->wake_watch, wake_fd, LOOP_IN, on_wake, j) == 0 &&
           loop_fd_add(j->loop, &j->control_watch, j->control, LOOP_IN, on_control, j) == 0;
}

static struct pos plugin_pos(const struct conf_sink *sink)
{
    const struct node *v = node_get(sink->node, "plugin");

    return v != NULL ? v->at : sink->at;
}

/* Nobody who could alter it after this look would pass (base/trust.h), so it is loaded by its name,
 * which is what tells it where its own libraries are ($ORIGIN). What is missing is for dlopen(). */
static bool may_load(const struct conf *conf, const struct conf_sink *sink, struct errors *e)
{
    const struct trust t = {.users = {geteuid(), conf->self}, .own_groups = sink->own_groups};
    struct trust_fault f;
    struct why why;

    if (sink->allow_writable || trust_look(&t, sink->plugin_file, &f) == TRUST_GOOD ||
        f.verdict == TRUST_ERROR)
        return true;
    trust_describe(&f, sink->plugin_file, &why);
    errors_add(e, plugin_pos(sink), "plugin: \"%s\" %s, or set allow_writable: true",
               sink->plugin_file, why.text);
    return false;
}

bool job_plugin(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                struct errors *e)
{
    *p = (struct plugin){0};
    if (!may_load(conf, sink, e))
        return false;
    if (plugin_load(p, sink->plugin_file))
        return plugin_configure(p, sink, conf->host, e);
    errors_add(e, plugin_pos(sink), "plugin: %s", p->why);
    return false;
}

/* garnetd has checked all this before it started us, unless the .so has changed since. */
static bool start_plugin(struct job *j, const struct conf *conf)
{
    struct errors e = {0};
    bool ok = job_plugin(&j->plugin, conf, j->sink, &e);

    for (const char *at = e.text.p, *end = at + e.text.n, *nl; at != NULL && at < end;
         at = nl + 1) {
        nl = memchr(at, '\n', (size_t)(end - at));
        if (nl == NULL)
            break;
        log_error("%.*s", (int)(nl - at), at);
    }
    errors_free(&e);
    if (!ok)
        job_stop(j, EXIT_CONFIG);
    return ok;
}

/* What a process is called, where /proc tells us; else "?". */
static void process_name(pid_t pid, char name[32])
{
    char path[32];
    ssize_t n = -1;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%ld/comm", (long)pid);
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
        n = read(fd, name, 31);
    fd_close(&fd);
    if (n <= 0)
        name[0] = '?', n = 1;
    name[name[n - 1] == '\n' ? n - 1 : n] = '\0';
}

/* Nobody but a worker of this sink is to have it. */
static void say_held(const struct job *j, const char *what)
{
    pid_t holder = j->position.cursor.holder;
    char name[32];

    if (holder > 0)
        process_name(holder, name);
    if (holder > 0)
        log_error("this sink's cursor, %s/cursors/%s, is locked by process %ld (%s): %s", j->spool,
                  j->sink->name, (long)holder, name, what);
    else
        log_error("this sink's cursor, %s/cursors/%s, is locked by another process: %s", j->spool,
                  j->sink->name, what);
}

/* A worker that was just killed may hold the lock a little longer. */
static bool open_position(struct job *j)
{
    int64_t since = clock_mono();
    bool said = false;

    while (position_open(&j->position, j->dirfd, j->sink->name, j->sink->confirm.replay,
                         clock_mono()) < 0) {
        if (errno == EAGAIN && clock_mono() - since < LOCK_PATIENCE) {
            if (!said && (said = clock_mono() - since >= LOCK_SILENCE))
                say_held(j, "nothing is sent until it lets go");
            if (!pause_for(j, LOCK_RETRY))
                return false;
            continue;
        }
        if (errno == EAGAIN)
            say_held(j, "end that process, unless it is a worker that is about to end");
        else if (errno == ENOENT || errno == EBADMSG)
            log_error("this sink's cursor is %s: garnetd will make a new one",
                      errno == ENOENT ? "missing" : "damaged");
        else
            log_error("cannot open this sink's cursor: %m");
        job_stop(j, EXIT_WORLD);
        return false;
    }
    return true;
}

static void before_event(void *arg)
{
    job_step(arg, SCOREBOARD_DELIVERS);
}

/* After each event(). What it has confirmed is looked at in the worker's next turn. */
static void after_event(void *arg, int answer)
{
    job_step(arg, SCOREBOARD_WAITS);
    if (answer != GARNET_OK)
        job_give_up(arg);
}

/* What came out about a batch, before or after it was marked. */
static void on_rejected(void *arg, uint64_t end, uint32_t n)
{
    struct job *j = arg;

    position_drop(&j->position, end, DROP_REJECTED, n);
    j->feed.read.dropped[DROP_REJECTED] += n;
}

static bool open_plugin(struct job *j)
{
    struct throttle t = {.base = 100 * NS_PER_MS, .cap = 30 * NS_PER_S};
    int answer;

    plugin_waits_init(&j->waits, &j->plugin, j->loop, before_event, after_event, j);
    while ((answer = plugin_open(&j->plugin)) == GARNET_RETRY) {
        if (t.failures == 0)
            log_warn("the plugin is not ready: %s; trying again", j->plugin.why);
        if (!pause_for(j, throttle_next(&t, random_u64())))
            return false;
    }
    if (answer == GARNET_OK)
        return true;
    job_give_up(j);
    return false;
}

static void start_counters(struct job *j)
{
    int64_t mode = plugin_counters(&j->plugin, j->sink);

    counters_init(&j->counters, mode, j->sink->counter_window);
    if (mode == COUNTERS_RAW)
        return;
    j->feed.counters = &j->counters;
    j->feed.start = j->position.cursor.state.start;
    position_depends(&j->position, j->sink->counter_window);
}

static bool start_feed(struct job *j, const struct conf *conf)
{
    struct point from = position_point(&j->position);

    if (!batch_init(&j->batch, &j->plugin, transports_batch_size(j->sink)) ||
        feed_open(&j->feed, &j->batch, j->dirfd, &from) < 0) {
        log_error("cannot begin to read the spool: %m");
        job_stop(j, EXIT_WORLD);
        return false;
    }
    quarantine_open(&j->quarantine, j->dirfd, conf->spool.dir, j->sink->name, j->plugin.def.name,
                    j->board);
    j->batch.board = j->board;
    j->feed.quarantine = &j->quarantine;
    j->feed.sink = j->sink;
    start_counters(j);
    if ((j->plugin.def.flags & GARNET_UNTIMED) != 0)
        j->feed.max_age = j->sink->max_age;
    j->feed.passing = (j->plugin.def.flags & GARNET_LIVE) != 0;
    pace_init(&j->pace, j->sink->catch_up_rate, clock_mono());
    feed_seek(&j->feed, &from, position_rewind(&j->position, false, clock_mono()));
    return true;
}

/* The worker before us may have sent more than it could put down. */
static void doubt_before(struct job *j)
{
    uint64_t position = j->position.cursor.state.position, sent = atomic_load(&j->board->sent);

    if (sent > position && (j->plugin.def.flags & GARNET_IDEMPOTENT) == 0)
        job_doubt(j, sent - position);
    atomic_store(&j->board->sent, position);
}

/* What must not come twice is sent again by single metrics, where a batch is nothing but those. */
static bool start_fine(struct job *j)
{
    const garnet_plugin *d = &j->plugin.def;

    j->feed.fine = (d->flags & GARNET_IDEMPOTENT) == 0 && d->begin == NULL && d->end == NULL &&
                   d->deliver == NULL;
    if (!j->feed.fine || position_fine(&j->position))
        return true;
    log_error("cannot start: %m");
    job_stop(j, EXIT_WORLD);
    return false;
}

/* What can become of a metric, by what the plugin, the endpoints and the configuration are. */
static uint64_t can_drop(const struct job *j)
{
    uint64_t can =
        1 << DROP_EXPIRED | 1 << DROP_DAMAGED | 1 << DROP_SKIPPED | 1 << DROP_QUARANTINED;

    if (j->plugin.def.deliver != NULL || transports_datagrams(j->sink))
        can |= 1 << DROP_REJECTED;
    if (j->feed.max_age > 0 || j->feed.passing)
        can |= 1 << DROP_STALE;
    if (j->sink->only.n > 0 || j->sink->drop.n > 0)
        can |= 1 << DROP_DESELECTED;
    return can;
}

static bool start_work(struct job *j, const struct conf *conf)
{
    if (!start_feed(j, conf) || !start_fine(j))
        return false;
    j->repeatable = (j->plugin.def.flags & GARNET_IDEMPOTENT) != 0;
    j->position.never_twice = !j->repeatable;
    doubt_before(j);
    j->by_plugin = j->plugin.def.deliver != NULL;
    if (j->by_plugin)
        deliver_init(&j->deliver, &j->plugin, on_rejected, j);
    else
        outlet_init(&j->outlet, j->loop, j->sink, j->repeatable,
                    (j->plugin.def.flags & GARNET_ORDERED) != 0);
    atomic_store(&j->board->can_drop, can_drop(j));
    j->look = true;
    return true;
}

bool job_ready(struct job *j, const struct conf *conf, const struct conf_sink *sink, int control,
               struct scoreboard *board)
{
    *j = (struct job){
        .sink = sink, .board = board, .control = control, .dirfd = -1, .status = JOB_RUNNING};
    j->position.cursor.fd = -1;
    loop_fd_init(&j->control_watch);
    loop_fd_init(&j->wake_watch);
    if (!start_loop(j)) {
        log_error("cannot start: %m");
        job_stop(j, EXIT_WORLD);
        return false;
    }
    j->spool = conf->spool.dir;
    j->dirfd = opener_folder(j->spool);
    if (j->dirfd < 0) {
        log_error("cannot open the spool %s: %m", conf->spool.dir);
        job_stop(j, EXIT_WORLD);
        return false;
    }
    return start_plugin(j, conf) && open_position(j) && open_plugin(j) && start_work(j, conf);
}

void job_free(struct job *j)
{
    if (terminated && !j->gone && !j->finish)
        log_info("got SIGTERM: ends");
    job_say(j, 'e'); /* before close(), which may not come back */
    if (!j->by_plugin && j->outlet.cur.loop != NULL)
        outlet_free(&j->outlet);
    plugin_waits_free(&j->waits);
    plugin_close(&j->plugin); /* what it may still look at goes after it */
    deliver_free(&j->deliver);
    feed_close(&j->feed);
    counters_free(&j->counters);
    quarantine_close(&j->quarantine);
    batch_free(&j->batch);
    j->plugin.handle =
        NULL; /* the code stays: a thread of the plugin's may be in it till the end */
    plugin_unload(&j->plugin);
    position_close(&j->position);
    fd_close(&j->dirfd);
    if (j->loop != NULL) {
        loop_fd_del(j->loop, &j->control_watch);
        loop_fd_del(j->loop, &j->wake_watch);
        loop_free(j->loop);
    }
}
