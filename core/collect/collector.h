/* collect/collector.h - one collector, from garnetd's side: its clock, and its life over its runs
 *
 * Mechanism around schedule.h (when) and outcome.h (what an end means): a timer and a struct run. A
 * slot that cannot be run (overlap, fork or descriptors refused) is counted and logged, and costs
 * nothing else.
 *
 * A daemon has no slots and no timeout: its one run is started at once, and again whenever it has
 * ended.
 */
#pragma once
#include "collect/converter.h"
#include "collect/journal.h"
#include "collect/run.h"
#include "collect/schedule.h"

struct collector_means { /* borrowed */
    struct keepers *keepers;
    const char *host;      /* and its name decide its place within `splay` */
    const char *converter; /* the program garnet-convert */
};

struct collector_events {
    void *arg;
    /* Just before the fork; slot 0: a daemon's. */
    void (*started)(void *arg, int64_t slot_ns);
    /* Nothing of the run is left; also after a failed fork (report.end FAILED). */
    void (*ended)(void *arg, const struct run_receipt *r);
    /* After collector_stop(): free it. */
    void (*gone)(void *arg);
    /* Metrics accepted from it so far, over all its runs. */
    uint64_t (*accepted)(void *arg);
    /* Until when (mono; 0: never) metrics from it were kept from being accepted, and not by it: so long
     * it has not been silent. NULL: never. */
    int64_t (*withheld)(void *arg);
};

struct collector_stats {
    uint64_t runs;               /* that are over; those that never ran do not count */
    uint64_t outcomes[OUTCOMES]; /* how they ended; those that never ran, too */
    uint64_t restarts;           /* of a daemon */
    int64_t last_success_ns;     /* wall: the end of the last run that was one, or the last time
                                  * that a daemon was seen to have metrics accepted; 0 = never */
};

struct collector { /* its own to write */
    struct loop *loop;
    const struct conf_collector *conf; /* borrowed */
    char name[COLLECTOR_NAME_MAX + 1]; /* a copy: conf may change under a run */
    struct collector_events ev;
    bool daemon;             /* as it was begun: conf may change under it */
    struct schedule sched;   /* slots, and missed ones by reason; all zero for a daemon */
    struct revival revival;  /* of a daemon */
    int64_t revive_at;       /* mono: when a daemon's next life is due */
    struct loop_timer timer; /* the next slot, look or start; or, when stopping, gone() */
    struct run run;
    struct converter converter; /* of one with an output */
    struct journal journal;
    struct collector_stats stats;
    bool stopping;
};

/* Starts its clock. `conf` is borrowed until collector_adopt() gives another. */
void collector_start(struct collector *c, const struct collector_means *means,
                     const struct conf_collector *conf, const struct collector_events *ev);
bool collector_runs(const struct collector *c); /* a run of it is not over yet */
/* Just after that, of one that is persistent: the slot that came last gets its run within a minute,
 * unless it has had one: `recorded` is the slot of the last run (INT64_MIN: of none). */
void collector_catch_up(struct collector *c, int64_t recorded, const char *host);
/* Just after that, for who wants one run alone, and stops it in ended(): it begins now, and is stamped with
 * `slot`. A daemon's life begins now in any case. */
void collector_once(struct collector *c, int64_t slot);
/* The same configuration, from a newer struct conf; or a changed one, if collector_stop()
 * follows. */
void collector_adopt(struct collector *c, const struct conf_collector *conf);
/* No new runs; the current one is ended; then gone() is called, from the loop. */
void collector_stop(struct collector *c);
/* Nobody waits for its run any more: ended() and what follows come before this returns. */
void collector_abandon(struct collector *c);
/* Only when no run is alive: in or after gone(). It may be started again. */
void collector_end(struct collector *c);
