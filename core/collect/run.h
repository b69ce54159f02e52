/* collect/run.h - one run of a collector, from garnetd's side: its keeper, its output, how it ended
 *
 * A struct run is used for one run after the other. A run is over when its keeper has reported, that is,
 * when nothing of it is left, or has gone; the keeper does the waiting and the killing. One whose keeper
 * goes before it has begun never ran. What the run prints goes into the log, as "collector NAME[PID]: ...".
 */
#pragma once
#include "base/logpipe.h"
#include "base/loop.h"
#include "base/why.h"
#include "collect/keeper.h"
#include "collect/outcome.h"
#include "conf/conf.h"
#include "keep/keepers.h"

struct
    run_ends { /* what a run has in place of what others have; all zero: nothing. The caller's to close */
    int out;        /* its stdout, which is not for the log */
    int in, status; /* its stdin, and its descriptor 3 */
};

struct run_receipt {
    int64_t slot_ns;     /* wall; 0: a daemon's */
    int64_t lateness_ns; /* from its due time until a keeper was asked to start it */
    pid_t pid;           /* the collector's; 0: not known */
    enum outcome outcome;
    struct why converter; /* of OUTCOME_CONVERTER: what is wrong with that */
    struct keeper_report
        report; /* all zero but `end` and `failure` when it never ran, or is lost */
};

struct run {
    struct keepers *keepers;
    const char *name; /* of the collector; borrowed */
    char who[COLLECTOR_NAME_MAX + 32];
    struct keeper_link *keeper; /* NULL: no run is alive */
    pid_t pid;                  /* the collector's; 0: not known yet */
    enum ending asked;          /* what we have asked the keeper to end it for */
    int64_t due;
    int tries;
    bool hangs;          /* KILL has not ended it */
    uint64_t unkillable; /* runs so far of which that was so */
    bool deserted;       /* its keeper went before it had begun */
    struct logpipe out, err;
    struct logpipe_owner owner; /* of what all runs print */
    struct run_receipt receipt;
    void (*over)(void *arg);
    void *arg;
};

void run_init(struct run *r, struct keepers *keepers, const char *name, void (*over)(void *arg),
              void *arg);
/* For a slot that was due at `due` (mono). True: over() follows, from the loop. False: it never ran.
 * In either case the receipt then says how it ended. `conf` has the mode that the collector began
 * with. */
bool run_start(struct run *r, const struct conf_collector *conf, const struct run_ends *ends,
               int64_t slot_ns, int64_t due);
/* From over(): it was deserted, and for the first time, and nobody wants its end: true as run_start(). False: it
 * is over. */
bool run_again(struct run *r, const struct conf_collector *conf, const struct run_ends *ends);
bool run_alive(const struct run *r);
void run_end(struct run *r, enum ending why); /* asks its keeper to */
/* Nobody waits for it any more: the nursery kills the keeper, and what it kept. over() follows before
 * this returns. */
void run_abandon(struct run *r);
/* How it ended, in words for the log. */
void run_describe(const struct run_receipt *r, const struct conf_collector *conf, struct why *why);
