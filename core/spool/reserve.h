/* spool/reserve.h - room that the spool has on the disk, for when there is none
 *
 * Files without a segment's name, each with room for a segment: the sync helper has made it (fallocate, its
 * size kept), or it was a segment that nobody needs any more, and whose room goes to nobody else. Taken, it
 * gets a segment's header and its name, and is one; what it held before is noise then (spool/segment.h).
 *
 * A name is ".reserve-ID.seg.tmp", ID being 16 random hexadecimal digits: no two garnetd or helpers ever mean
 * the same file. A version that does not know them takes them for temporary files, and removes them as it
 * starts.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_header;

struct reserve_file {
    uint64_t id, bytes; /* of room */
    uint64_t beside;    /* of what is asked for: so much room there is without it */
};

struct reserve {           /* its own to write; all zero: none is wanted, and none is there */
    uint64_t wanted, each; /* bytes: of all, of one file */
    struct reserve_file *v;
    size_t n, cap;
    uint64_t bytes;            /* of all that are there */
    struct reserve_file asked; /* the helper, for this; id 0: for none */
    int64_t again_ns;          /* mono: it could not make one, and is not asked before this */
    bool said;                 /* that one of them cannot be used */
    bool elsewhere;            /* not even what is there can be written over: no other file helps */
    bool full; /* the disk is, as far as its owner knows: the helper is asked even if
                                * none is wanted, to find out */
};

enum { RESERVE_NAME = 40 };
void reserve_name(char out[RESERVE_NAME], uint64_t id);
/* A file in the folder that is one, found at the start: true, and it is part of it. */
bool reserve_adopt(struct reserve *r, int dirfd, const char *name);
void reserve_want(struct reserve *r, uint64_t wanted, uint64_t each);
bool reserve_short(const struct reserve *r); /* less is there than is wanted */
/* The segment of that name, which nobody needs, becomes part of it. False: not, and it is as it was. */
bool reserve_give(struct reserve *r, int dirfd, const char *segment);
/* The smallest that has room for `need` bytes and can be used becomes the segment that *h says; h->older is filled in.
 * The descriptor, and how much room it has. -1 with errno: ENOSPC when there is none like that; else what is wrong
 * with none of them (no descriptor, a read-only disk). */
int reserve_take(struct reserve *r, int dirfd, uint64_t need, struct segment_header *h,
                 uint64_t *room);
/* Removes what is beyond what is wanted, and a file that is much more than that alone. */
void reserve_trim(struct reserve *r, int dirfd);
/* What to ask the helper for: true, and which, and how long. The same until it has answered. */
bool reserve_ask(struct reserve *r, struct reserve_file *file);
/* The helper's answer, with the room that there is; 0: no file. True: as much as was asked for, so that the
 * disk is not full. */
bool reserve_made(struct reserve *r, const struct reserve_file *file);
void reserve_free(struct reserve *r); /* the files stay */
