/* sched/collector.h - one collector, from garnetd's side: its clock, its run, its output
 *
 * Mechanism around sched.h: a timer for the next slot, a keeper per run, the lines of the run's
 * stdout and stderr into the log. A run is over when its keeper has ended, that is, when nothing of
 * it is left. A slot that cannot be run (overlap, fork or descriptors refused) is counted and
 * logged, and costs nothing else.
 */
#ifndef SCHED_COLLECTOR_H
#define SCHED_COLLECTOR_H
#include "base/loop.h"
#include "conf/conf.h"
#include "sched/keeper.h"
#include "sched/sched.h"

struct collector;

struct run_receipt {
    int64_t slot_ns;     /* wall */
    int64_t lateness_ns; /* from its due time to the fork */
    struct keeper_report report;
};

struct collector_events {
    void *arg;
    /* Just before the fork. */
    void (*started)(void *arg, int64_t slot_ns);
    /* Nothing of the run is left; also after a failed fork (report.end FAILED). */
    void (*ended)(void *arg, const struct run_receipt *r);
    /* After collector_stop(): free it. */
    void (*gone)(void *arg);
};

struct collector_stats {
    const struct sched *sched;
    uint64_t failures;        /* runs that ended other than with exit 0 or by collector_stop() */
    int64_t last_duration_ns; /* of the last run that ended; 0 before */
    int64_t last_success_ns;  /* wall; 0 = never */
};

/* Starts its clock. `conf` is borrowed until collector_adopt() gives another. NULL with errno. */
struct collector *collector_new(struct loop *l, const struct conf_collector *conf,
                                const char *socket_path, const struct collector_events *ev);
/* The same configuration, from a newer struct conf. */
void collector_adopt(struct collector *c, const struct conf_collector *conf);
/* No new runs; the current one is ended; then gone() is called, from the loop. */
void collector_stop(struct collector *c);
bool collector_running(const struct collector *c);
void collector_stats(const struct collector *c, struct collector_stats *out);
/* Only when no run is alive: after gone(). */
void collector_free(struct collector *c);

#endif
