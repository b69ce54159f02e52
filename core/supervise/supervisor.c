/* supervise/supervisor.c - a worker's death is an event like another: it is logged with its reason,
 * and after a pause that grows while no useful work is done the worker is started again, for ever.
 * A worker that cannot be started (no process, no descriptor) is one that died at once. Nothing is
 * kept here that a death could lose: what is to be delivered is in the spool, and what was
 * delivered is in the cursor.
 */
#include "supervise/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "base/why.h"

static const int64_t AGAIN_FIRST = 100 * NS_PER_MS;
/* What was asked for, or a plugin, is wrong: that will not be right soon. */
static const int64_t AGAIN_CONFIG = 10 * NS_PER_S;
static const int64_t AGAIN_LAST = 30 * NS_PER_S;
static const int64_t TERM_TO_KILL = NS_PER_S / 2;
static const int64_t LOOK_EVERY = NS_PER_S;
static const int64_t END_IN = 10 * NS_PER_S; /* from its last word to its end: for close() */

enum { LOOKS_UNREADY = 10 }; /* then the log says that it is not */

static void start_worker(struct supervisor *s);

/* Into the log, and for whoever asks how it is. */
__attribute__((format(printf, 2, 3))) static void warn_of_worker(struct supervisor *s,
                                                                 const char *fmt, ...)
{
    struct why text;
    va_list ap;

    va_start(ap, fmt);
    (void)why_setv(&text, fmt, ap);
    va_end(ap);
    log_warn("sink %s: %s", s->name, text.text);
    remark_set(&s->process.trouble, "%s", text.text);
}

/* --- patience --- */

/* Something is in uninterruptible sleep, or waits for its memory to be written down. */
static void on_hangs(void *arg)
{
    struct supervisor *s = arg;

    s->unkillable++;
    s->hangs = true;
    log_error(
        "sink %s: KILL has not ended its worker (process %d) and all that its plugin has started: "
        "something hangs in the kernel, on a dead disk or mount; metrics wait in the spool",
        s->name, (int)s->process.ward.pid);
}

static void on_patience(void *arg)
{
    struct supervisor *s = arg;

    s->ended = true;
    if (s->patience == BEFORE_TERM) {
        log_warn("sink %s: worker did not finish in time: terminating it", s->name);
        ward_signal(&s->process.ward, SIGTERM);
        s->patience = BEFORE_KILL;
        loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + TERM_TO_KILL, on_patience, s);
    } else {
        log_warn("sink %s: worker does not end%s: killing it", s->name,
                 s->process.control < 0 ? ", and its control socket is closed" : "");
        s->patience = KILLED;
        ward_signal(&s->process.ward, SIGKILL);
    }
}

static void wait_patiently(struct supervisor *s, enum patience patience, int64_t ns)
{
    s->patience = patience;
    loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + ns, on_patience, s);
}

/* --- what its scoreboard says: looked at once a second, and at its death --- */

/* The page, ready for a new worker. The plugin may scribble over it, so the list of metrics to leave out is
 * kept here and written into it each time. False with errno. */
static bool clear_scoreboard(struct supervisor *s)
{
    struct scoreboard *b = s->board;

    if (b == NULL)
        b = s->board = scoreboard_new(&s->board_fd);
    if (b == NULL)
        return false;
    atomic_store(&b->formatting, 0);
    atomic_store(&b->stalled, 0);
    atomic_store(&b->peer, 0);
    atomic_store(&b->step, SCOREBOARD_WAITS);
    atomic_store(&b->oldest, s->config.oldest);
    scoreboard_forget_read(b);
    for (unsigned i = 0; i < SCOREBOARD_POISONS; i++) {
        atomic_store(&b->poisons[i].metric, s->condemned[i].metric);
        atomic_store(&b->poisons[i].when_ns, s->condemned[i].when_ns);
        atomic_store(&b->poisons[i].signo, s->condemned[i].signo);
    }
    poison_started(&s->poison);
    s->stuck = (struct stuck){0};
    s->looks = 0;
    s->frozen = false;
    return true;
}

/* Logged once: nobody ends a worker that only waits. */
static void look_how_it_is(struct supervisor *s)
{
    bool stopped = s->process.ward.stopped;

    if (stopped && !s->frozen)
        warn_of_worker(
            s, "its worker is stopped, by a signal: it delivers nothing until SIGCONT (process %d)",
            (int)s->process.ward.pid);
    s->frozen = stopped;
    if (++s->looks == LOOKS_UNREADY && !s->ready)
        warn_of_worker(
            s, "its worker is not ready after %d s: its plugin's open() waits, or does not return",
            LOOKS_UNREADY);
}

static void look_whether_stuck(struct supervisor *s)
{
    unsigned looks = s->stuck.looks;

    switch (stuck_look(&s->stuck, s->frozen ? SCOREBOARD_WAITS : atomic_load(&s->board->step))) {
    case STUCK_BEGINS:
        warn_of_worker(
            s, "stalled: its worker has not returned for %d s from %s; metrics wait in the spool",
            STUCK_LOOKS, stuck_from(s->stuck.step));
        break;
    case STUCK_ENDS:
        log_info("sink %s: its worker has returned after %u s", s->name, looks);
        break;
    case STUCK_NOTHING_NEW:
        break;
    }
}

/* True: it is to be killed. One that somebody has stopped has no chance to come back, and one that hangs
 * in the kernel cannot be ended: both are left alone. */
static bool does_not_return(struct supervisor *s)
{
    uint64_t formatting = atomic_load(&s->board->formatting);

    look_how_it_is(s);
    look_whether_stuck(s);
    if (stuck_in_open(&s->stuck)) {
        log_error(
            "sink %s: its plugin's open() has not returned for %d s, and would answer RETRY if "
            "it had to wait: killing the worker",
            s->name, STUCK_OPEN_LOOKS);
        return true;
    }
    if (!poison_hangs(&s->poison, formatting, atomic_load(&s->board->formats)))
        return false;
    if (s->frozen) {
        poison_started(&s->poison);
        return false;
    }
    log_error("sink %s: its plugin does not return from formatting metric %" PRIu64
              ": killing the worker",
              s->name, formatting - 1);
    return true;
}

/* By the signal `signo` that was not sent for other reasons, or (0) by its plugin's exit(): says more in
 * `what` if that came in format(). True: the next start is to come soon. */
static bool count_death(struct supervisor *s, int signo, char *what, size_t cap)
{
    uint64_t metric = atomic_load(&s->board->formatting);
    enum poison_verdict verdict = poison_death(&s->poison, metric);
    size_t n = strlen(what);

    if (verdict != POISON_NONE)
        (void)snprintf(what + n, cap - n, " while its plugin formatted metric %" PRIu64 "%s",
                       metric - 1,
                       verdict == POISON_FOUND ? ", as often before: it is put in quarantine" : "");
    if (verdict == POISON_FOUND)
        s->condemned[s->ncondemned++ % SCOREBOARD_POISONS] =
            (struct condemned){metric, clock_wall(), signo};
    return poison_hurry(&s->poison);
}

/* --- what the worker does --- */

static void on_message(void *arg, enum worker_word w)
{
    struct supervisor *s = arg;

    if (w == WORKER_READY) {
        s->ready = true;
    } else if (w == WORKER_USEFUL) {
        throttle_ok(&s->throttle);
        poison_useful(&s->poison);
    } else if (w == WORKER_ENDS) {
        s->finished = true; /* what is left of it is its plugin's close(), which may hang */
        if (!s->stopping && s->patience == PATIENT)
            wait_patiently(s, BEFORE_TERM, END_IN);
    }
}

/* It is about to end: if not, it could neither be woken nor asked to finish. */
static void on_hung_up(void *arg)
{
    struct supervisor *s = arg;

    if (s->patience == PATIENT)
        wait_patiently(s, BEFORE_KILL, TERM_TO_KILL);
}

static void on_second_look(void *arg);

static void look_in_a_second(struct supervisor *s)
{
    int64_t at = clock_second(loop_now(s->loop) + LOOK_EVERY);

    loop_timer_set(s->loop, &s->look, at, on_second_look, s);
}

static void on_second_look(void *arg)
{
    struct supervisor *s = arg;

    look_in_a_second(s);
    if (!s->stopping && does_not_return(s))
        ward_signal(&s->process.ward, SIGKILL);
}

/* --- starting it again --- */

static void on_pause_over(void *arg)
{
    struct supervisor *s = arg;

    s->restarts++;
    start_worker(s);
}

static void start_later(struct supervisor *s, int64_t base, const char *what)
{
    int64_t pause;

    s->throttle.base = base;
    pause = throttle_next(&s->throttle, random_u64());
    remark_set(&s->process.trouble, "%s", what);
    log_error("sink %s: %s; starting it again in %.1fs", s->name, what,
              (double)pause / (double)NS_PER_S);
    loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + pause, on_pause_over, s);
}

/* Nobody has seen how it ended, or it was never there: that is no fault of its plugin's. */
static void lost_worker(struct supervisor *s, const struct ward_end *end)
{
    char what[128];

    if (end->error != 0)
        (void)snprintf(what, sizeof what, "cannot start its worker: %s", strerror(end->error));
    else
        (void)snprintf(what, sizeof what, "its worker's keeper was killed, and with it the worker");
    if (!s->stopping) {
        start_later(s, AGAIN_FIRST, what);
        return;
    }
    log_warn("sink %s: %s while it was finishing", s->name, what);
    s->config.gone(s->config.arg);
}

static void worker_ended(struct supervisor *s, int status, const struct rusage *ru)
{
    struct ending end = {.status = status,
                         .used = *ru,
                         .finished = s->finished,
                         .formatting = atomic_load(&s->board->formatting) != 0,
                         .memory_limit = s->config.memory_limit};
    bool death = WIFSIGNALED(status) || ending_by_plugin(&end);
    char what[320];

    ending_describe(&end, what, sizeof what);
    if (death && !s->stopping && !s->ended &&
        count_death(s, WIFSIGNALED(status) ? WTERMSIG(status) : 0, what, sizeof what))
        throttle_ok(&s->throttle);
    ending_memory(&end, what, sizeof what);
    if (!s->stopping) {
        start_later(s, ending_hopeless(&end) ? AGAIN_CONFIG : AGAIN_FIRST, what);
        return;
    }
    if (status != 0 || death)
        log_warn("sink %s: %s while it was finishing", s->name, what);
    s->config.gone(s->config.arg);
}

static void on_worker_ended(void *arg, const struct ward_end *end)
{
    struct supervisor *s = arg;

    loop_timer_clear(s->loop, &s->timer);
    loop_timer_clear(s->loop, &s->look);
    s->ready = false;
    s->unkillable += end->hangs;
    scoreboard_forget_read(s->board); /* what it had in memory is nobody's */
    if (s->hangs)
        log_info("sink %s: the worker that hung in the kernel %s", s->name,
                 end->lost ? "is left behind" : "has ended");
    if (end->lost || end->error != 0)
        lost_worker(s, end);
    else
        worker_ended(s, end->status, &end->used);
}

static void start_worker(struct supervisor *s)
{
    char what[128];

    s->patience = PATIENT;
    s->ended = s->finished = s->hangs = false;
    if (s->config.prepare != NULL && !s->config.prepare(s->config.arg)) {
        start_later(s, AGAIN_FIRST, "its worker cannot be started yet");
        return;
    }
    if (clear_scoreboard(s)) {
        s->config.start.board_fd = s->board_fd;
        if (worker_process_start(&s->process, &s->config.start) == 0) {
            look_in_a_second(s);
            return;
        }
    }
    (void)snprintf(what, sizeof what, "cannot start its worker: %s", strerror(errno));
    start_later(s, AGAIN_FIRST, what);
}

/* --- for garnetd --- */

void supervisor_start(struct supervisor *s, struct loop *l, const struct supervisor_config *c)
{
    const struct worker_process_events ev = {s, on_message, on_hung_up, on_hangs, on_worker_ended};

    *s = (struct supervisor){.loop = l, .config = *c, .board_fd = -1, .throttle.cap = AGAIN_LAST};
    (void)snprintf(s->name, sizeof s->name, "%s", c->name);
    s->config.name = s->name;
    worker_process_init(&s->process, l, s->name, &ev);
    start_worker(s);
}

void supervisor_wake(struct supervisor *s)
{
    worker_process_wake(&s->process);
}

void supervisor_spool_begins(struct supervisor *s, uint64_t oldest)
{
    s->config.oldest = oldest;
    if (s->board != NULL)
        atomic_store(&s->board->oldest, oldest);
}

bool supervisor_stalled(const struct supervisor *s)
{
    return stuck_is(&s->stuck) || (s->board != NULL && atomic_load(&s->board->stalled) != 0);
}

void supervisor_stop(struct supervisor *s, int64_t grace)
{
    s->stopping = true;
    if (!ward_runs(&s->process.ward)) {
        loop_timer_set(s->loop, &s->timer, loop_now(s->loop), s->config.gone, s->config.arg);
    } else if (s->patience < BEFORE_KILL) {
        worker_process_send(&s->process, WORKER_FINISH);
        wait_patiently(s, BEFORE_TERM, grace);
    }
}

void supervisor_abandon(struct supervisor *s)
{
    if (ward_runs(&s->process.ward))
        log_error(
            "sink %s: its worker (process %d) has not ended in time, not by KILL either: it is "
            "left behind, and ends once the kernel lets it",
            s->name, (int)s->process.ward.pid);
    loop_timer_clear(s->loop, &s->look);
    worker_process_abandon(&s->process);
}

void supervisor_end(struct supervisor *s)
{
    if (ward_runs(&s->process.ward))
        panic("sink %s: ended while its worker runs", s->name);
    loop_timer_clear(s->loop, &s->timer);
    scoreboard_unmap(s->board);
    fd_close(&s->board_fd);
}
