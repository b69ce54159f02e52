/* conf/askers.h - questions about the world, answered by processes that may hang
 *
 * One does it all, until it has stood still for 250 ms, all told: then there are as many more as there
 * are, each with what nobody has begun, and so on; what is near one that stands still comes last. When
 * nothing has moved for 4 s, or 20 s went by in which something was waited for, what has no answer gets
 * one that says so. A process that hangs is killed, and may
 * live on in the kernel for as long as it takes; conf/hung.h bounds their number, and sends no other
 * one after it.
 */
#pragma once
#include "base/arena.h"

struct question {
    const char *key, *answer; /* as in conf/facts.h; NULL: none yet */
    size_t n;                 /* bytes of the answer */
};
struct questions { /* all borrowed */
    struct question *q;
    uint32_t n;
    struct arena *a; /* for the answers */
    void (*learn)(const char *key, struct buf *out);
    int table;           /* hung_table(); -1: shared with nobody */
    unsigned *waited_ms; /* of this load, so far, and in vain */
};

/* Answers all that have none. False: no memory, no descriptor or no process. */
bool askers_ask(const struct questions *of);
