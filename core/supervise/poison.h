/* supervise/poison.h - which metric a worker dies of: policy, pure
 *
 * A worker that ends in its plugin's format(), by a signal or by exit(), died of one metric. At
 * the third time in a row, and only then, that metric is poison: no worker gives it to the
 * plugin again. A metric that format() does not come back from counts the same, the worker being
 * killed for it.
 *
 * The deaths that it takes are to cost fractions of a second, so each new suspect begins the pauses
 * between two starts anew; but a plugin that dies of whatever it is given must not be fed the
 * spool, so only so many do until useful work was done in between.
 */
#ifndef SUPERVISE_POISON_H
#define SUPERVISE_POISON_H
#include <stdbool.h>
#include <stdint.h>

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
/* To be asked once a second: true when the worker is to be killed, since it does not come back. */
bool poison_hangs(struct poison *p, uint64_t formatting, uint64_t formats);

#endif
