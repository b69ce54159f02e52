/* spool/inventory.h - the writer's folder: its lock, the segments in it, and the number that comes next
 *
 * Opening derives the next sequence number from the segments and the sinks' cursors: there is no
 * ledger. Damage is never a reason not to open. The folder may be taken away, and be opened anew.
 * Retention is here, too. Sizes and numbers in here follow what the writer does: it says so by the
 * calls below.
 */
#ifndef SPOOL_INVENTORY_H
#define SPOOL_INVENTORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/why.h"

struct inventory_segment { /* a segment in the folder */
    uint64_t first_seq;
    uint64_t bytes;
    int64_t created_ns;
    bool later; /* in a format that is not known yet */
};

struct inventory { /* others read it; zero but for dirfd and lock, which are -1 */
    int dirfd, lock;
    uint64_t next_seq;
    struct inventory_segment *held; /* in order; the last is the newest */
    size_t n, cap;
    uint64_t bytes; /* of all */
};

/* Makes the folder when it is missing, locks it and reads what is there. False, and a sentence: "is in use
 * by process 123", ...; then inventory_close() is all that is left to do. */
bool inventory_open(struct inventory *v, const char *dir, struct why *why);
void inventory_close(struct inventory *v);
/* Whether the folder at `dir` is still the one that was opened, lock and all. */
bool inventory_there(const struct inventory *v, const char *dir);
/* Opens and locks it anew; v->dirfd stays the same number and next_seq does not go back. False, and a
 * sentence: then it has no lock, and is not there until this has worked. */
bool inventory_reopen(struct inventory *v, const char *dir, struct why *why);

struct inventory_segment *inventory_newest(const struct inventory *v); /* NULL: none */
bool inventory_reserve(struct inventory *v); /* room for one more; false: no memory */
/* A new one, for which room was reserved; it replaces the newest when they have the same number. */
void inventory_add(struct inventory *v, const struct inventory_segment *h);
void inventory_size(struct inventory *v, uint64_t bytes); /* so long is the newest now */

/* Unlinks segments from the oldest on, never the newest: those below `needed`, and while the folder is
 * over max_size or a segment over max_age (0: no bound), those too. How many were not below
 * `needed`. */
unsigned inventory_retain(struct inventory *v, uint64_t needed, int64_t wall_ns, int64_t max_size,
                          int64_t max_age);
/* Empties the newest, to make room: nobody may need it, and nothing may be appended to it any more. */
void inventory_empty_newest(struct inventory *v);

#endif
