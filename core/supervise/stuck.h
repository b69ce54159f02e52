/* supervise/stuck.h - a worker that does not come back from what it does: policy, pure
 *
 * A worker says in its scoreboard what it is at, and that it begins anew; where it waits for nothing but
 * events, it says so. What blocks in the kernel (a file on a frozen file system, or on one whose
 * server is gone) stands still there, and cannot say so itself. Time is counted in looks, as in
 * supervise/poison.h.
 */
#ifndef SUPERVISE_STUCK_H
#define SUPERVISE_STUCK_H
#include <stdbool.h>
#include <stdint.h>

enum { STUCK_LOOKS = 20 };

struct stuck {      /* all zero: a new worker */
    uint64_t step;  /* as it was looked at last */
    unsigned looks; /* that found it there, in a row */
};

enum stuck_verdict { STUCK_NOTHING_NEW, STUCK_BEGINS, STUCK_ENDS };

/* To be asked once a second. */
enum stuck_verdict stuck_look(struct stuck *s, uint64_t step);
bool stuck_is(const struct stuck *s);
/* What it is at, for the log: "from ..." */
const char *stuck_from(uint64_t step);

#endif
