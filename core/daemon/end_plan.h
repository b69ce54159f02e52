/* daemon/end_plan.h - by when each step of garnetd's end is over: arithmetic, without a clock
 *
 * Of shutdown_timeout, runs get three eighths, what they and others have sent is taken in during the
 * next eighth (2 s are enough for that), and workers deliver in all that is left, at least half. Then they
 * are terminated and killed, and who does not end by that either (it hangs in the kernel) is left
 * behind; the last sync, the nursery and the log writer have what is left of the second after it.
 */
#pragma once
#include <stdint.h>

struct end_plan {       /* mono ns; all zero: no end was asked for */
    int64_t collectors; /* runs that have not ended are killed  */
    int64_t intake;     /* workers are asked to finish          */
    int64_t sinks;      /* workers that do not are terminated   */
    int64_t workers;    /* and no longer waited for             */
    int64_t all;        /* nothing is waited for                */
};

struct end_plan end_plan_of(int64_t now, int64_t shutdown_timeout);
/* By when what was sent is to be taken in, if that begins now. */
int64_t end_plan_intake(const struct end_plan *p, int64_t now);
/* Until when something may be waited for that should take `most`. */
int64_t end_plan_within(const struct end_plan *p, int64_t now, int64_t most);
