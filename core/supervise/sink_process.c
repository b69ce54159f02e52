/* supervise/sink_process.c - one sink worker, from garnetd's side: start, ready, throttle, stop
 *
 * A worker's death is an event like another: it is logged with its reason, and after a pause that
 * grows while no useful work is done the worker is started again, for ever. A worker that cannot be
 * started (no process, no descriptor) is one that died at once. Nothing is kept here that a death
 * could lose: what is to be delivered is in the spool, and what was delivered is in the cursor.
 *
 * The worker has a process group of its own, so that a terminal's Ctrl-C reaches garnetd alone, and
 * so that TERM and KILL reach what its plugin has started, too. At its end the group is killed; what
 * has left the group is the caller's to find, by ended().
 */
#include "supervise/sink_process.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "base/log.h"
#include "base/random.h"
#include "base/spawn.h"
#include "base/throttle.h"
#include "supervise/ending.h"
#include "supervise/poison.h"
#include "supervise/stuck.h"
#include "supervise/worker_log.h"

static const int64_t AGAIN_FIRST = 100 * NS_PER_MS;
static const int64_t AGAIN_CONFIG =
    10 * NS_PER_S; /* what was asked for, or a plugin, is wrong: not right soon */
static const int64_t AGAIN_LAST = 30 * NS_PER_S;
static const int64_t TERM_TO_KILL = NS_PER_S;
static const int64_t LOOK_EVERY = NS_PER_S;
static const int64_t END_IN = 10 * NS_PER_S; /* from its last word to its end: for close() */

enum { MESSAGES = 64 };      /* taken from a worker in one turn */
enum { LOOKS_UNREADY = 10 }; /* then it is told that it is not */

enum patience { PATIENT, BEFORE_TERM, BEFORE_KILL };

struct worker {
    struct loop *loop;
    char *program, *name;
    int snapshot_fd, stdout_fd; /* borrowed */
    bool (*prepare)(void *arg);
    void (*left)(void *arg);
    void *config_arg;
    int64_t memory_limit;
    struct loop_child child; /* pid 0: none runs */
    pid_t pid;               /* of the one that runs, or ran last */
    struct worker_log log;
    int control; /* our end of the pair; -1: none */
    struct loop_fd watch;
    struct loop_timer timer; /* the next start; or the end of our patience; or gone() */
    enum patience patience;
    bool ended; /* it was, by us: its death is no metric's fault */
    struct throttle throttle;
    struct scoreboard *board; /* and the file behind it; made at the first start */
    int board_fd;
    struct loop_timer look; /* at the scoreboard, while a worker runs */
    struct poison poison;
    struct stuck stuck;
    struct condemned { /* our own list: what is in the scoreboard is at the plugin's mercy */
        uint64_t metric;
        int64_t when_ns;
        int signo;
    } condemned[SCOREBOARD_POISONS];
    unsigned ncondemned; /* ever */
    uint64_t restarts;
    unsigned looks; /* since its start */
    bool ready;
    bool frozen;   /* at the last look somebody had stopped it */
    bool finished; /* it has said that it ends */
    bool stopping;
    void (*gone)(void *arg);
    void *arg;
};

static void start(struct worker *w);
static void wait_patiently(struct worker *w, enum patience patience, int64_t ns);

/* --- the pair --- */

static void close_control(struct worker *w)
{
    loop_fd_del(w->loop, &w->watch);
    fdpass_close(&w->control);
}

static void useful(struct worker *w)
{
    throttle_ok(&w->throttle);
    poison_useful(&w->poison);
}

/* What is left of it is its plugin's close(), which may hang. */
static void finishes(struct worker *w)
{
    w->finished = true;
    if (!w->stopping && w->patience == PATIENT)
        wait_patiently(w, BEFORE_TERM, END_IN);
}

/* False once the worker's end is closed. */
static bool take_messages(struct worker *w)
{
    char c;
    ssize_t n = 0;

    for (int i = 0; i < MESSAGES; i++) {
        n = fdpass_recv(w->control, &c, 1); /* else its plugin could make us close what it likes */
        if (n < 0 && errno == ECONNRESET)
            continue; /* it has closed with our words unread: what it said comes after this */
        if (n <= 0)
            break;
        if (c == 'r')
            w->ready = true;
        else if (c == 'u')
            useful(w);
        else if (c == 'e')
            finishes(w);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void send_message(const struct worker *w, char c)
{
    if (w->control >= 0)
        (void)send(w->control, &c, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- ending it --- */

/* It, and all that it has started, by its group; a plugin may have moved it to another one. */
static void strike(const struct worker *w, int signo)
{
    if (kill(-w->child.pid, signo) < 0 || getpgid(w->child.pid) != w->child.pid)
        (void)kill(w->child.pid, signo);
}

static void on_patience(void *arg)
{
    struct worker *w = arg;

    w->ended = true;
    if (w->patience == BEFORE_TERM) {
        log_warn("sink %s: worker did not finish in time: terminating it", w->name);
        strike(w, SIGTERM);
        w->patience = BEFORE_KILL;
        loop_timer_set(w->loop, &w->timer, loop_now(w->loop) + TERM_TO_KILL, on_patience, w);
    } else {
        log_warn("sink %s: worker does not end%s: killing it", w->name,
                 w->control < 0 ? ", and its control socket is closed" : "");
        strike(w, SIGKILL);
    }
}

static void wait_patiently(struct worker *w, enum patience patience, int64_t ns)
{
    w->patience = patience;
    loop_timer_set(w->loop, &w->timer, loop_now(w->loop) + ns, on_patience, w);
}

/* A worker that closes its end is about to end: if not, it could neither be woken nor asked to
 * finish. */
static void on_control(void *arg, uint32_t events)
{
    struct worker *w = arg;

    (void)events;
    if (take_messages(w))
        return;
    close_control(w);
    if (w->patience == PATIENT)
        wait_patiently(w, BEFORE_KILL, TERM_TO_KILL);
}

/* --- the scoreboard --- */

static bool is_stopped(const struct worker *w)
{
    siginfo_t si = {0};

    return waitid(P_PID, (id_t)w->child.pid, &si, WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
           si.si_pid != 0;
}

/* Said once: nobody ends a worker that only waits. */
static void look_how_it_is(struct worker *w)
{
    bool frozen = is_stopped(w);

    if (frozen && !w->frozen)
        log_warn("sink %s: its worker is stopped, by a signal: it delivers nothing until SIGCONT "
                 "(process %d)",
                 w->name, (int)w->child.pid);
    w->frozen = frozen;
    if (++w->looks == LOOKS_UNREADY && !w->ready)
        log_warn("sink %s: its worker is not ready after %d s: its plugin's open() waits, or does "
                 "not return",
                 w->name, LOOKS_UNREADY);
}

/* It is left alone: nothing could end it, and what it has in hand may well be written in the end. */
static void look_whether_stuck(struct worker *w)
{
    unsigned looks = w->stuck.looks;

    switch (stuck_look(&w->stuck, w->frozen ? SCOREBOARD_WAITS : atomic_load(&w->board->step))) {
    case STUCK_BEGINS:
        log_warn(
            "sink %s: stalled: its worker has not returned for %d s from %s; metrics wait in the "
            "spool",
            w->name, STUCK_LOOKS, stuck_from(w->stuck.step));
        break;
    case STUCK_ENDS:
        log_info("sink %s: its worker has returned after %u s", w->name, looks);
        break;
    case STUCK_NOTHING_NEW:
        break;
    }
}

/* Whether the plugin comes back. One that somebody has stopped has no chance to. */
static void on_look(void *arg)
{
    struct worker *w = arg;
    uint64_t formatting = atomic_load(&w->board->formatting);

    loop_timer_set(w->loop, &w->look, loop_now(w->loop) + LOOK_EVERY, on_look, w);
    if (w->stopping)
        return;
    look_how_it_is(w);
    look_whether_stuck(w);
    if (!poison_hangs(&w->poison, formatting, atomic_load(&w->board->formats)))
        return;
    if (w->frozen) {
        poison_started(&w->poison);
        return;
    }
    log_error("sink %s: its plugin does not return from formatting metric %" PRIu64
              ": killing the worker",
              w->name, formatting - 1);
    strike(w, SIGKILL);
}

static bool ready_board(struct worker *w)
{
    struct scoreboard *p = w->board;

    if (p == NULL)
        p = w->board = scoreboard_new(&w->board_fd);
    if (p == NULL)
        return false;
    atomic_store(&p->formatting, 0);
    atomic_store(&p->stalled, 0);
    atomic_store(&p->step, SCOREBOARD_WAITS);
    for (unsigned i = 0; i < SCOREBOARD_POISONS; i++) {
        atomic_store(&p->poisons[i].metric, w->condemned[i].metric);
        atomic_store(&p->poisons[i].when_ns, w->condemned[i].when_ns);
        atomic_store(&p->poisons[i].signo, w->condemned[i].signo);
    }
    poison_started(&w->poison);
    w->stuck = (struct stuck){0};
    return true;
}

/* A death by a signal that we did not send for other reasons, or (signo 0) by the plugin's exit():
 * says more in `what` if it came in format(). */
static void judge(struct worker *w, int signo, char *what, size_t cap)
{
    uint64_t metric = atomic_load(&w->board->formatting);
    enum poison_verdict verdict = poison_death(&w->poison, metric);
    size_t n = strlen(what);

    if (poison_hurry(&w->poison))
        throttle_ok(&w->throttle);
    if (verdict == POISON_NONE)
        return;
    (void)snprintf(what + n, cap - n, " while its plugin formatted metric %" PRIu64 "%s",
                   metric - 1,
                   verdict == POISON_FOUND ? ", as often before: it is put in quarantine" : "");
    if (verdict == POISON_FOUND)
        w->condemned[w->ncondemned++ % SCOREBOARD_POISONS] =
            (struct condemned){metric, clock_wall(), signo};
}

/* --- starting it again --- */

static void on_restart(void *arg)
{
    struct worker *w = arg;

    w->restarts++;
    start(w);
}

static void start_later(struct worker *w, int64_t base, const char *what)
{
    int64_t pause;

    w->throttle.base = base;
    pause = throttle_next(&w->throttle, random_u64());
    log_error("sink %s: %s; starting it again in %.1fs", w->name, what,
              (double)pause / (double)NS_PER_S);
    loop_timer_set(w->loop, &w->timer, loop_now(w->loop) + pause, on_restart, w);
}

/* Nothing of its group outlives it. */
static void kill_group(const struct worker *w, pid_t group)
{
    if (kill(-group, SIGKILL) == 0)
        log_warn("sink %s: its plugin had left processes behind: they are killed", w->name);
    if (w->left != NULL)
        w->left(w->config_arg);
}

static void settle_end(struct worker *w)
{
    if (w->control >= 0)
        (void)take_messages(w); /* its last words may still be in there */
    close_control(w);
    worker_log_close(&w->log);
    loop_timer_clear(w->loop, &w->timer);
    loop_timer_clear(w->loop, &w->look);
    w->ready = false;
}

static void on_end(void *arg, int status, const struct rusage *ru)
{
    struct worker *w = arg;
    struct ending end = {.status = status, .used = *ru, .memory_limit = w->memory_limit};
    bool death;
    char what[320];

    settle_end(w);
    kill_group(w, w->pid);
    end.finished = w->finished;
    end.formatting = atomic_load(&w->board->formatting) != 0;
    death = WIFSIGNALED(status) || ending_by_plugin(&end);
    ending_describe(&end, what, sizeof what);
    if (death && !w->stopping && !w->ended)
        judge(w, WIFSIGNALED(status) ? WTERMSIG(status) : 0, what, sizeof what);
    ending_memory(&end, what, sizeof what);
    if (!w->stopping) {
        start_later(w, ending_hopeless(&end) ? AGAIN_CONFIG : AGAIN_FIRST, what);
        return;
    }
    if (status != 0 || death)
        log_warn("sink %s: %s while it was finishing", w->name, what);
    w->gone(w->arg);
}

/* The worker's pid, or -1 with errno. */
static pid_t run_program(const struct worker *w, int control, int own, int print)
{
    const char *argv[] = {w->program, "run", w->name, NULL};
    struct spawn s = {.argv = argv,
                      .fds = {-1, w->stdout_fd, print, w->snapshot_fd, control, w->board_fd, own},
                      .nfds = WORKER_LOG_FD + 1,
                      .own_group = true};

    return spawn_program(&s);
}

static pid_t launch(struct worker *w)
{
    int pair[2], own, print;
    pid_t pid = -1;

    if (!ready_board(w) || !worker_log_open(&w->log, w->loop, &own, &print))
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0) {
        fdpass_refuse(pair[0]);
        if (loop_fd_add(w->loop, &w->watch, pair[0], LOOP_IN, on_control, w) == 0)
            pid = run_program(w, pair[1], own, print);
        fd_close(&pair[1]);
        w->control = pair[0];
    }
    fd_close(&own);
    fd_close(&print);
    if (pid < 0) {
        close_control(w);
        worker_log_close(&w->log);
    }
    return pid;
}

static void start(struct worker *w)
{
    char what[128];
    pid_t pid;

    w->patience = PATIENT;
    w->ended = w->frozen = w->finished = false;
    w->looks = 0;
    if (w->prepare != NULL && !w->prepare(w->config_arg)) {
        start_later(w, AGAIN_FIRST, "its worker cannot be started yet");
        return;
    }
    pid = launch(w);
    if (pid < 0) {
        (void)snprintf(what, sizeof what, "cannot start its worker: %s", strerror(errno));
        start_later(w, AGAIN_FIRST, what);
        return;
    }
    w->pid = pid;
    loop_child_add(w->loop, &w->child, pid, on_end, w);
    loop_timer_set(w->loop, &w->look, loop_now(w->loop) + LOOK_EVERY, on_look, w);
}

/* --- for garnetd --- */

struct worker *worker_new(struct loop *l, const struct worker_config *c)
{
    struct worker *w = calloc(1, sizeof *w);

    if (w == NULL)
        return NULL;
    w->loop = l;
    w->snapshot_fd = c->snapshot_fd;
    w->prepare = c->prepare;
    w->left = c->ended;
    w->config_arg = c->arg;
    w->memory_limit = c->memory_limit;
    w->stdout_fd = c->stdout_fd;
    w->control = w->board_fd = -1;
    w->throttle.cap = AGAIN_LAST;
    loop_fd_init(&w->watch);
    w->program = strdup(c->program);
    w->name = strdup(c->name);
    if (w->program == NULL || w->name == NULL) {
        worker_free(w);
        return NULL;
    }
    worker_log_init(&w->log, w->name);
    start(w);
    return w;
}

/* A 'w' that is still unread says it all: the worker looks into the spool after it has read it. */
void worker_wake(struct worker *w)
{
    int unread = 0;

    if (w->control >= 0 && (ioctl(w->control, SIOCOUTQ, &unread) < 0 || unread == 0))
        send_message(w, 'w');
}

static void on_gone(void *arg)
{
    struct worker *w = arg;

    w->gone(w->arg);
}

void worker_stop(struct worker *w, int64_t grace, void (*gone)(void *arg), void *arg)
{
    w->stopping = true;
    w->gone = gone;
    w->arg = arg;
    if (w->child.pid == 0) {
        loop_timer_set(w->loop, &w->timer, loop_now(w->loop), on_gone, w);
    } else if (w->patience != BEFORE_KILL) {
        send_message(w, 'q');
        wait_patiently(w, BEFORE_TERM, grace);
    }
}

bool worker_ready(const struct worker *w)
{
    return w->ready;
}

pid_t worker_pid(const struct worker *w)
{
    return w->child.pid;
}

bool worker_stalled(const struct worker *w)
{
    return stuck_is(&w->stuck) || (w->board != NULL && atomic_load(&w->board->stalled) != 0);
}

uint64_t worker_restarts(const struct worker *w)
{
    return w->restarts;
}

const struct scoreboard *worker_scoreboard(const struct worker *w)
{
    return w->board;
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    if (w->child.pid != 0)
        panic("sink %s: freed while its worker runs", w->name);
    loop_timer_clear(w->loop, &w->timer);
    close_control(w);
    scoreboard_unmap(w->board);
    fd_close(&w->board_fd);
    free(w->program);
    free(w->name);
    free(w);
}
