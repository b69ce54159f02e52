/* spool/inventory.h - what the writer finds: its folder, locked and nobody else's to look into, the
 * segments in it, and the number that comes next
 *
 * That number is derived from the segments and the sinks' cursors: there is no ledger. Damage is never
 * a reason not to open.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct held_segment { /* in the folder */
    uint64_t first_seq;
    uint64_t bytes;
    int64_t created_ns;
    bool later; /* in a format that is not known yet */
};

/* Before it is open, and after it is closed, zero but for dirfd and lock, which are -1, and a number that is
 * known already. In between the writer (spool/append.h) keeps it true. */
struct inventory {
    int dirfd, lock;
    uint64_t next_seq;
    struct held_segment *held; /* in order; the last is the newest */
    size_t n, cap;
    uint64_t bytes; /* of all */
    bool stuck;     /* of those that were to go one is still there: it is in the log */
};

/* Makes the folder when it is missing, locks it and reads what is there. False, and a sentence: "is in use
 * by process 123", ...; then inventory_close() is all that is left to do. */
bool inventory_open(struct inventory *v, const char *dir, struct why *why);
/* Unlinks the first n, which the newest is not among. What cannot be unlinked stays in front, for the next
 * call; the first time that is logged. */
void inventory_remove(struct inventory *v, size_t n);
void inventory_close(struct inventory *v);
