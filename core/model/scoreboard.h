/* model/scoreboard.h - a page of memory that garnetd shares with one sink worker
 *
 * It holds what must be known of a worker that has died, or that does not return from its plugin.
 * Writing it costs a store and no system call. garnetd owns it, so it outlives every worker; a
 * worker finds it at descriptor WORKER_SCOREBOARD (model/worker.h). One side writes each member, all are atomic. The
 * plugin lives in the worker and may overwrite all of it, so what is read here is a number and
 * never an index or a pointer.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/statboard.h"

enum { SCOREBOARD_POISONS = 32 };

/* What a worker is at, in the lowest bits of its `step`; above them, how often it has begun one. */
enum scoreboard_step {
    SCOREBOARD_WAITS,
    SCOREBOARD_READS,
    SCOREBOARD_SENDS,
    SCOREBOARD_DELIVERS,
    SCOREBOARD_STORES,
    SCOREBOARD_OPENS
};
enum { SCOREBOARD_STEP_MASK = 7, SCOREBOARD_STEP_ONE = 8 };

/* Whether what is sent gets out: not known yet, no; or yes, and the endpoint's place in `to` is added. */
enum { SCOREBOARD_PEER_DOWN = 1, SCOREBOARD_PEER_UP = 2 };

struct scoreboard {
    /* The worker's. */
    /* A metric is its sequence number plus one; 0: none. */
    _Atomic uint64_t formatting; /* the metric that the plugin has now */
    _Atomic uint64_t formats;    /* how often it was given one */
    _Atomic uint64_t sent;       /* all before it may have left, though the cursor is not there */
    _Atomic uint64_t stalled;    /* 1: the peer takes bytes and reads nothing */
    _Atomic uint64_t peer;       /* SCOREBOARD_PEER_DOWN ... */
    _Atomic uint64_t can_drop;   /* a bit for each drop reason that can happen; 0: not known yet */
    _Atomic uint64_t losses;     /* times that a connection did not end well, on this page */
    /* Metrics sent again that may be there twice, and must not be: since the sink began, once a worker is
     * ready (the cursor keeps it). */
    _Atomic uint64_t in_doubt;
    /* What it has read into memory: spool/account.h. Two that belong together, and garnetd may look at any
     * time: so they are written in turn, and then `nread` says by its lowest bit which pair holds. 0: none
     * does, and no worker has the cursor. */
    struct scoreboard_read {
        _Atomic uint64_t taken, lost;
    } read[2];
    _Atomic uint64_t nread;
    /* garnetd's: the metrics that no worker may give to the plugin any more. */
    struct scoreboard_poison {
        _Atomic uint64_t metric;
        _Atomic int64_t when_ns;   /* Unix time */
        _Atomic int signo;         /* that the last worker died of; 0: it called exit() */
    } poisons[SCOREBOARD_POISONS]; /* a ring */
    _Atomic uint64_t oldest; /* what is before is gone from the spool, or will be in a moment */
    /* The worker's again. */
    _Atomic int64_t
        oldest_ns;          /* Unix time: the oldest metric that is not written was accepted then;
                                  0: none waits, as far as it knows */
    _Atomic uint64_t step;  /* what it is at now; SCOREBOARD_WAITS: it waits for events */
    struct statboard stats; /* what its plugin counts by itself */
};

/* A new one, all zero. NULL with errno; else *fd (close-on-exec) is what a worker is to get. */
struct scoreboard *scoreboard_new(int *fd);
struct scoreboard *scoreboard_map(int fd); /* the worker's side; NULL with errno */
void scoreboard_unmap(struct scoreboard *p);
/* The worker's: a pair; it stands when this returns, and is the one before until then. */
void scoreboard_put_read(struct scoreboard *p, uint64_t taken, uint64_t lost);
/* garnetd's. False: there is none. */
bool scoreboard_get_read(const struct scoreboard *p, uint64_t *taken, uint64_t *lost);
void scoreboard_forget_read(struct scoreboard *p); /* once no worker is alive */
