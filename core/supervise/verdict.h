/* supervise/verdict.h - what a worker's end, and its standing still, mean: policy, pure
 *
 * How it ended, and whose doing that was; which metric it dies of; that it does not come back from
 * what it does. Time is counted in looks, one a second, so that a clock that jumps, or a garnetd that
 * got no processor for a while, condemns nobody.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/* --- how it has ended --- */

struct ending {
    int status; /* of wait4() */
    struct rusage used;
    bool finished;        /* it had said that it ends */
    bool formatting;      /* it was in its plugin's format() */
    int64_t memory_limit; /* bytes; 0: none */
};

/* By its plugin's exit(), in the midst of its work. */
bool ending_by_plugin(const struct ending *e);
/* What was asked for, or a plugin, is wrong: it would be no better soon. */
bool ending_hopeless(const struct ending *e);
void ending_describe(const struct ending *e, char *out, size_t cap);
/* More for `what`, where the memory may have been the reason. */
void ending_memory(const struct ending *e, char *what, size_t cap);

/* --- which metric it dies of ---
 *
 * A worker that ends in its plugin's format(), by a signal or by exit(), died of one metric. At
 * the third time in a row, and only then, that metric is poison: no worker gives it to the
 * plugin again. A metric that format() does not come back from counts the same, the worker being
 * killed for it.
 *
 * The deaths that it takes are to cost fractions of a second, so each new suspect begins the pauses
 * between two starts anew; but a plugin that dies of whatever it is given must not be fed the
 * spool, so only so many do until useful work was done in between. */

enum { POISON_DEATHS = 3, POISON_CREDIT = 8 };

struct poison {
    uint64_t suspect; /* the last worker died of this metric; 0: of none */
    unsigned deaths;  /* so many, in a row */
    unsigned credit;  /* suspects since useful work was done */
    /* The worker at hand, as it was looked at last. */
    uint64_t formatting, formats;
    unsigned looks; /* that found it there, in a row */
};

enum poison_verdict { POISON_NONE, POISON_SUSPECT, POISON_FOUND };

void poison_started(struct poison *p); /* a new worker */
void poison_useful(struct poison *p);
/* A worker has died with `formatting` under way (0: with none). */
enum poison_verdict poison_death(struct poison *p, uint64_t formatting);
/* True when the pause before the next start is to be the first one again. */
bool poison_hurry(const struct poison *p);
/* A look. True when the worker is to be killed, since it does not come back. */
bool poison_hangs(struct poison *p, uint64_t formatting, uint64_t formats);

/* --- what it does not come back from ---
 *
 * A worker says in its scoreboard what it is at, and that it begins anew; where it waits for nothing
 * but events, it says so. What blocks in the kernel (a file on a frozen file system, or on one whose
 * server is gone) stands still there, and cannot say so itself. */

enum { STUCK_LOOKS = 20, STUCK_OPEN_LOOKS = 60 };

struct stuck {      /* all zero: a new worker */
    uint64_t step;  /* as it was looked at last */
    unsigned looks; /* that found it there, in a row */
};

enum stuck_verdict { STUCK_NOTHING_NEW, STUCK_BEGINS, STUCK_ENDS };

enum stuck_verdict stuck_look(struct stuck *s, uint64_t step);
bool stuck_is(const struct stuck *s);
/* It does not come back from its plugin's open(), which may wait, but not so long: RETRY is for that. Said once;
 * the worker is to be killed. */
bool stuck_in_open(const struct stuck *s);
/* What it is at, for the log: "from ..." */
const char *stuck_from(uint64_t step);
