/* spool/slots.h - for which due time a collector ran last: `slots` in the spool's folder
 *
 * A record a collector, written in place as its run starts, so that a full disk does not matter once the
 * file is there. All is in memory, too; what cannot be written (no room, a failing or read-only disk,
 * something else of that name) is logged once and written as soon as it can be, and so is all of it into
 * a folder that has taken the place of the one before. Not synced: who loses power may find an older
 * record, which means one run more.
 *
 * A write is of a whole page of the file, which the kernel need not read for that, and like an append it
 * goes to the page cache: it waits for no disk that appends would not wait for.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { SLOTS_NAME = 88 /* bytes of a name, its NUL included */ };
#define SLOTS_NONE INT64_MIN

struct slots_record {
    char name[SLOTS_NAME]; /* "": free */
    int64_t slot;          /* wall ns */
    bool used;             /* asked for, or written, since slots_open(): somebody has that name */
};

struct slots { /* its own to write */
    int dirfd; /* of the spool, which stays the same number; borrowed */
    struct slots_record *v;
    size_t n;         /* whole pages of them */
    bool behind;      /* not all of it is in the file */
    bool failing;     /* logged */
    bool full;        /* likewise */
    struct stat left; /* the file, as it was after the last write */
};

/* Reads what is there. What cannot be read is logged, and counts as none. */
void slots_open(struct slots *s, int dirfd);
void slots_close(struct slots *s); /* one more try, if need be */

int64_t slots_get(struct slots *s, const char *name); /* SLOTS_NONE: it has no record */
/* SLOTS_NONE takes its record away. */
void slots_put(struct slots *s, const char *name, int64_t slot);
void slots_look(struct slots *s); /* once a second: writes what is not there */
