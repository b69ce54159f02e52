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
#include "spool/reserve.h"

struct held_segment { /* in the folder */
    uint64_t first_seq;
    uint64_t bytes;
    int64_t created_ns;
    bool later; /* in a format that is not known yet */
};

/* Retention says where the spool will begin, before it removes anything: what a reader has not taken by
 * then is lost to it. */
struct append_events {
    void *arg;
    void (*begins)(void *arg, uint64_t oldest);
    /* Asked when there is no room for a frame: what is before it, every reader has sent, or has in memory. NULL: that
     * is not known. */
    uint64_t (*passed)(void *arg);
};

/* Before it is open, and after it is closed, zero but for dirfd and lock, which are -1, and a number that is
 * known already. In between the writer (spool/append.h, spool/retain.h) keeps it true. */
struct inventory {
    int dirfd, lock;
    bool alone; /* no sync helper of an earlier life is at work in it, for certain */
    uint64_t next_seq;
    struct held_segment *held; /* in order; the last is the newest */
    size_t n, cap;
    uint64_t bytes; /* of all */
    bool cramped;   /* there was little room on the disk when it was opened, or none for a file, */
    uint64_t whole_end; /* and the newest may be gone on in from here (spool/resume.h); 0: not */
    struct reserve reserve;
    uint64_t oldest; /* said to be where the spool begins; never goes back */
    bool stuck;      /* of those that were to go one is still there: it is in the log */
    struct append_events ev;
};

/* Makes the folder when it is missing, locks it and reads what is there. False, and a sentence: "is in use
 * by process 123", ...; then inventory_close() is all that is left to do. */
bool inventory_open(struct inventory *v, const char *dir, struct why *why);
/* Whether the folder at `dir` is still the one that was opened, lock and all. */
bool inventory_there(const struct inventory *v, const char *dir);
bool inventory_room(struct inventory *v);        /* for one more in the list: false: no memory */
void inventory_drop_newest(struct inventory *v); /* off the list */
void inventory_close(struct inventory *v);
