/* spool/sync_helper.h - what the sync helper does with one order: fdatasync, writing again, and room
 *
 * Blocks for as long as the disk likes: it runs in a process of its own (spool/sync.c). What is to
 * be asked of it, and what its answer means, is spool/unsynced.h's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "spool/reserve.h"

struct sync_order {
    uint64_t segment; /* the newest that is to be on the disk */
    uint64_t seq;     /* the answer's name */
    bool again; /* a sync has failed: the segments that begin in from..to-1 are written again */
    uint64_t from, to;
    bool makes;               /* room, after it has been answered: spares, and */
    struct reserve_file room; /* this; id 0: none */
};
/* In place of a segment: what failed was the folder, the list of sinks, or a cursor; or writing again, and then
 * nothing else was tried. */
#define SYNC_FOLDER  UINT64_MAX
#define SYNC_REWRITE (UINT64_MAX - 1)
struct sync_report {
    uint64_t seq;
    int error;       /* 0: all of it is on the disk */
    uint64_t failed; /* the first segment that is not, SYNC_FOLDER or SYNC_REWRITE */
    struct reserve_file
        room; /* the last that was to be made, with what there is of it; id 0: none */
};

struct sync_helper { /* `dirfd` set, the rest zero */
    int dirfd;
    uint64_t segment; /* all before it, and the folder up to it, is on the disk */
    ino_t inode;      /* its inode, 0: nothing is known yet */
    struct reserve_file room;
    int64_t spares_ns; /* mono: when there were all (spool/cursor.h) */
    int64_t
        names; /* when the folder was changed last (its clock), if that is on the disk; 0: not known */
    /* The list of sinks and the folder of cursors, as they were synced. */
    struct stat list, cursors;
};

/* EBADMSG after an order to write again: some of it is no longer in memory, the rest was written. */
void sync_serve(struct sync_helper *h, const struct sync_order *o, struct sync_report *r);

/* After the answer, which waits for none of it: the file of the reserve that the order says, unless that is
 * there, and the spares of spool/cursor.h. */
void sync_make_room(struct sync_helper *h, const struct sync_order *o);

/* A segment whose sync has failed, written once more: byte for byte the same, in a new file under its
 * name, so that a reader of either goes on in the other, and numbers stay. 0, also when retention was
 * there first, or an errno: EBADMSG when what can be read is not whole. Then the segment is as it was.
 * The folder is not synced yet. Nothing may be appended to it any more. */
int segment_rewrite(int dirfd, uint64_t first_seq);
