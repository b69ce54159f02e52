/* supervise/supervisor.c - a worker's death is an event like another: it is logged with its reason,
 * and after a pause that grows while no useful work is done the worker is started again, for ever.
 * A worker that cannot be started (no process, no descriptor) is one that died at once. Nothing is
 * kept here that a death could lose: what is to be delivered is in the spool, and what was
 * delivered is in the cursor.
 */
#include "supervise/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "supervise/verdict.h"

static const int64_t AGAIN_FIRST = 100 * NS_PER_MS;
/* What was asked for, or a plugin, is wrong: that will not be right soon. */
static const int64_t AGAIN_CONFIG = 10 * NS_PER_S;
static const int64_t AGAIN_LAST = 30 * NS_PER_S;
static const int64_t TERM_TO_KILL = NS_PER_S;
static const int64_t LOOK_EVERY = NS_PER_S;
static const int64_t END_IN = 10 * NS_PER_S; /* from its last word to its end: for close() */

static void start_worker(struct supervisor *s);

/* --- patience --- */

static void on_patience(void *arg)
{
    struct supervisor *s = arg;

    s->ended = true;
    if (s->patience == BEFORE_TERM) {
        log_warn("sink %s: worker did not finish in time: terminating it", s->name);
        worker_process_signal(&s->process, SIGTERM);
        s->patience = BEFORE_KILL;
        loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + TERM_TO_KILL, on_patience, s);
    } else {
        log_warn("sink %s: worker does not end%s: killing it", s->name,
                 s->process.control < 0 ? ", and its control socket is closed" : "");
        worker_process_signal(&s->process, SIGKILL);
    }
}

static void wait_patiently(struct supervisor *s, enum patience patience, int64_t ns)
{
    s->patience = patience;
    loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + ns, on_patience, s);
}

/* --- what the worker does --- */

static void on_message(void *arg, enum worker_word w)
{
    struct supervisor *s = arg;

    if (w == WORKER_READY) {
        s->ready = true;
    } else if (w == WORKER_USEFUL) {
        throttle_ok(&s->throttle);
        poison_useful(&s->watch.poison);
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

static void on_second_look(void *arg)
{
    struct supervisor *s = arg;

    loop_timer_set(s->loop, &s->look, loop_now(s->loop) + LOOK_EVERY, on_second_look, s);
    if (!s->stopping &&
        watch_look(&s->watch, s->process.child.pid, worker_process_stopped(&s->process), s->ready))
        worker_process_signal(&s->process, SIGKILL);
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
    log_error("sink %s: %s; starting it again in %.1fs", s->name, what,
              (double)pause / (double)NS_PER_S);
    loop_timer_set(s->loop, &s->timer, loop_now(s->loop) + pause, on_pause_over, s);
}

static void on_worker_ended(void *arg, int status, const struct rusage *ru)
{
    struct supervisor *s = arg;
    struct ending end = {.status = status,
                         .used = *ru,
                         .finished = s->finished,
                         .formatting = atomic_load(&s->watch.board->formatting) != 0,
                         .memory_limit = s->config.memory_limit};
    bool death = WIFSIGNALED(status) || ending_by_plugin(&end);
    char what[320];

    loop_timer_clear(s->loop, &s->timer);
    loop_timer_clear(s->loop, &s->look);
    s->ready = false;
    if (s->config.ended != NULL)
        s->config.ended(s->config.arg);
    ending_describe(&end, what, sizeof what);
    if (death && !s->stopping && !s->ended &&
        watch_death(&s->watch, WIFSIGNALED(status) ? WTERMSIG(status) : 0, what, sizeof what))
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

static void start_worker(struct supervisor *s)
{
    char what[128];

    s->patience = PATIENT;
    s->ended = s->finished = false;
    if (s->config.prepare != NULL && !s->config.prepare(s->config.arg)) {
        start_later(s, AGAIN_FIRST, "its worker cannot be started yet");
        return;
    }
    if (watch_next(&s->watch)) {
        s->config.start.board_fd = s->watch.board_fd;
        if (worker_process_start(&s->process, &s->config.start) == 0) {
            loop_timer_set(s->loop, &s->look, loop_now(s->loop) + LOOK_EVERY, on_second_look, s);
            return;
        }
    }
    (void)snprintf(what, sizeof what, "cannot start its worker: %s", strerror(errno));
    start_later(s, AGAIN_FIRST, what);
}

/* --- for garnetd --- */

void supervisor_start(struct supervisor *s, struct loop *l, const struct supervisor_config *c)
{
    const struct worker_process_events ev = {s, on_message, on_hung_up, on_worker_ended};

    *s = (struct supervisor){.loop = l, .config = *c, .throttle.cap = AGAIN_LAST};
    (void)snprintf(s->name, sizeof s->name, "%s", c->name);
    s->config.name = s->name;
    watch_init(&s->watch, s->name);
    worker_process_init(&s->process, l, s->name, &ev);
    start_worker(s);
}

void supervisor_wake(struct supervisor *s)
{
    worker_process_wake(&s->process);
}

void supervisor_stop(struct supervisor *s, int64_t grace)
{
    s->stopping = true;
    if (s->process.child.pid == 0) {
        loop_timer_set(s->loop, &s->timer, loop_now(s->loop), s->config.gone, s->config.arg);
    } else if (s->patience != BEFORE_KILL) {
        worker_process_send(&s->process, WORKER_FINISH);
        wait_patiently(s, BEFORE_TERM, grace);
    }
}

void supervisor_end(struct supervisor *s)
{
    if (s->process.child.pid != 0)
        panic("sink %s: ended while its worker runs", s->name);
    loop_timer_clear(s->loop, &s->timer);
    watch_free(&s->watch);
}
