/* spool/unsynced.h - what is not known to be on the disk, and what to ask of the sync helper next
 *
 * Pure: no descriptor, no process, no clock. At most one order is on its way; of those that come
 * meanwhile the latest waits. An order that failed, or that nobody answered (the kernel tells of a
 * failure once), is answered by writing its segments again, once at once, and then with each order
 * until that has worked.
 *
 * What is written again gets a new file under the old name, so nobody may append to it: whoever
 * reports a failure says which number no segment that was begun by then can be appended to below.
 * The range ends there, at that very moment, in whatever order things happen.
 */
#pragma once
#include "spool/sync_helper.h"

struct unsynced { /* zero but for `clean`: nothing was asked yet */
    struct sync_order sent, next;
    bool busy;         /* `sent` is not answered yet */
    bool waiting;      /* `next` is not sent yet */
    bool failed;       /* these are to be written again: */
    uint64_t from, to; /* segments that begin in from..to-1 */
    uint64_t clean;    /* all before this segment is on the disk, or of an earlier life */
};

enum sync_verdict {
    SYNC_SAFE,  /* everything up to the order's seq is on the disk */
    SYNC_AGAIN, /* a sync has failed: it is being written again */
    SYNC_UNSAFE /* that has failed as well: everything up to seq may not survive a power loss */
};

/* Everything up to `seq` was written to segments up to the one that begins at `segment`. */
void unsynced_ask(struct unsynced *u, uint64_t segment, uint64_t seq);
/* What to send now: NULL when there is nothing, or one is on its way. */
const struct sync_order *unsynced_next(struct unsynced *u);
void unsynced_sent(struct unsynced *u); /* what unsynced_next() gave */
/* The answer to the order on its way. A failure: see above for `sealed`, which SYNC_REWRITE needs not: the range
 * is what it was. On a full disk, where that fails for long, each seal would take a segment's room. */
enum sync_verdict unsynced_done(struct unsynced *u);
enum sync_verdict unsynced_failed(struct unsynced *u, int error, uint64_t failed, uint64_t sealed);
/* The helper died with the order on its way. */
enum sync_verdict unsynced_died(struct unsynced *u, uint64_t sealed);
