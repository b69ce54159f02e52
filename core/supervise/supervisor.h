/* supervise/supervisor.h - a sink's worker, from garnetd's side: start, watch, throttle, stop
 *
 * A worker is a process of its own (garnet-sink) that is expected to die now and then: its
 * supervisor starts it again, throttled when it died before it did useful work. The only things
 * between the two are a socket pair (model/worker.h), a page of memory (model/scoreboard.h) and the
 * spool on disk.
 */
#pragma once
#include "base/throttle.h"
#include "model/scoreboard.h"
#include "supervise/verdict.h"
#include "supervise/worker_process.h"

struct supervisor_config {
    const char *name;           /* the sink's; copied */
    struct worker_start start;  /* but for its scoreboard, which is ours */
    bool (*prepare)(void *arg); /* before every start; false: not now, it is tried again later */
    void (*gone)(void *arg);    /* after supervisor_stop(): no process of it is left */
    void *arg;
    int64_t memory_limit; /* that it has set itself, in bytes; 0: none */
    uint64_t oldest;      /* where the spool begins: supervisor_spool_begins() */
};

enum patience { PATIENT, BEFORE_TERM, BEFORE_KILL, KILLED };

struct supervisor { /* its own to write */
    struct loop *loop;
    char name[72]; /* a sink's has 64 at most */
    struct supervisor_config config;
    struct worker_process process;
    struct scoreboard *board; /* outlives every worker; made for the first */
    int board_fd;
    struct poison poison;
    struct stuck stuck;
    struct condemned { /* our own list: what is in the scoreboard is at the plugin's mercy */
        uint64_t metric;
        int64_t when_ns;
        int signo;
    } condemned[SCOREBOARD_POISONS];
    unsigned ncondemned;     /* ever */
    unsigned looks;          /* at the worker at hand */
    bool frozen;             /* at the last look somebody had stopped it */
    struct loop_timer timer; /* the next start; or the end of our patience; or gone() */
    struct loop_timer look;  /* while a worker runs */
    enum patience patience;
    struct throttle throttle;
    uint64_t restarts;
    uint64_t unkillable; /* workers that KILL did not end within KILL_TAKES */
    bool ready;          /* the worker at hand is */
    bool finished;       /* it has said that it ends */
    bool hangs;          /* KILL has had no effect */
    bool ended;          /* it was, by us: its death is no metric's fault */
    bool stopping;
};

/* Starts the worker. */
void supervisor_start(struct supervisor *s, struct loop *l, const struct supervisor_config *c);
void supervisor_wake(struct supervisor *s); /* there is more in the spool */
/* What is before `oldest` is about to be removed from the spool. */
void supervisor_spool_begins(struct supervisor *s, uint64_t oldest);
/* Its peer has stopped reading, as the worker says; or it does not come back from what it is at. */
bool supervisor_stalled(const struct supervisor *s);
/* Asks the worker to finish; TERM after `grace` ns, KILL half a second later; then gone(), from the loop. */
void supervisor_stop(struct supervisor *s, int64_t grace);
/* After it: a worker that KILL does not end is left behind. Without gone(). */
void supervisor_abandon(struct supervisor *s);
/* Only when no worker is alive: in or after gone(), or abandoned. It may be started again. */
void supervisor_end(struct supervisor *s);
