/* collect/outcome.h - what a run's end means: pure policy, no clock and no process in here
 *
 * Two questions. What kind of end was it, and is that a failure? And for a collector in daemon
 * mode: when is it started again, and has it been silent for too long? A daemon is started again
 * for ever, whatever it ended with. The pauses grow from REVIVAL_FIRST to REVIVAL_LAST (each is
 * drawn from the upper half of its range, so that many daemons that fail of one cause do not come
 * back in step) until a life has done useful work: metrics were accepted from it over a span of at
 * least its interval, or any at all in a life of REVIVAL_LIFE. Then they begin anew.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/throttle.h"
#include "collect/keeper.h"

enum outcome {
    OUTCOME_OK,      /* exit status 0 */
    OUTCOME_STOPPED, /* by a reload or at garnetd's end */
    OUTCOME_EXIT,    /* another exit status */
    OUTCOME_SIGNAL,
    OUTCOME_TIMEOUT,
    OUTCOME_SPAWN,   /* it never ran */
    OUTCOME_OVERLAP, /* the next slot had come, and its configuration says `overlap: kill` */
    OUTCOME_SILENCE, /* it had brought no metric for too long */
    OUTCOME_LOST,    /* its keeper was killed: nothing is known of it */
    OUTCOME_CONVERTER, /* who was to make metrics of what it printed has failed (collect/converter.h) */
    OUTCOMES
};
const char *outcome_name(enum outcome o); /* "ok", "stopped", "exit", ... */
bool outcome_failed(enum outcome o);

/* Why garnetd has asked the keeper to end a run, if it has. */
enum ending { ENDING_NONE, ENDING_STOP, ENDING_OVERLAP, ENDING_SILENCE, ENDING_CONVERTER };

/* `r`: NULL when the keeper left none. */
enum outcome outcome_of(const struct keeper_report *r, enum ending asked);
/* Of one with an output, which its converter has made metrics of, or not. A Nagios plugin says by its exit status how what it
 * looks at is (1 warning, 2 critical, 3 unknown): that is no failure of its own. */
enum outcome outcome_converted(enum outcome o, int status, int64_t output, bool converted);

#define REVIVAL_FIRST NS_PER_S
#define REVIVAL_LAST  (60 * NS_PER_S)
#define REVIVAL_LIFE  (60 * NS_PER_S)

struct revival {
    int64_t interval, silence; /* ns; silence 0: may be silent for ever */
    struct throttle throttle;
    int64_t started;     /* mono: this life */
    int64_t first, last; /* mono: when its first and its latest metrics were noticed */
    int64_t excused;     /* mono: until then it was not silent */
    bool useful;         /* there were any */
    uint64_t accepted;   /* from it over all its lives, as last noticed */
};

void revival_init(struct revival *r, int64_t interval, int64_t silence);
/* A life begins. `accepted`, here and below: from this collector so far, in any unit that grows. */
void revival_started(struct revival *r, int64_t mono, uint64_t accepted);
/* When to look at it next, from a look at `mono` on: at least once a second. */
int64_t revival_next_look(const struct revival *r, int64_t mono);
/* What it brought until `mono`, or would have, was kept from being accepted, and not by itself: that
 * was no silence. */
void revival_excuse(struct revival *r, int64_t mono);
/* A look. True when it has been silent for too long. */
bool revival_look(struct revival *r, int64_t mono, uint64_t accepted);
/* A life has ended, or could not begin. Returns the pause until the next one, in ns. */
int64_t revival_ended(struct revival *r, int64_t mono, uint64_t accepted, uint64_t random);
