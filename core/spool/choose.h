/* spool/choose.h - which file the next segment gets: a new one; on a full disk one of the reserve, or the oldest's
 *
 * The disk is full when a file finds no room. From then on segments come from the reserve, as long as its files have
 * room; no other file is tried before that is used up, or the sync helper has found room: on a full disk the kernel may
 * look for some, and make us wait. When it is used up, and a file has been tried once more, the oldest segments give
 * way at once.
 */
#pragma once
#include "spool/retain.h"
#include "spool/segment.h"

/* A file for the segment that *h says, with room for `need` bytes of it where the disk is full; `last`: a file that
 * could be made has had no room for them. The descriptor, and how much room there is for certain, UINT64_MAX where that
 * is not known; or -1 with errno. */
int choose_file(struct inventory *v, struct segment_header *h, uint64_t need, bool last,
                uint64_t *room);
/* The newest, when there is no frame in it, and on a full disk: it becomes part of the reserve, where it is room for what
 * comes next, if not for this. Another of the same name would replace it. False: not. */
bool choose_spares_newest(struct inventory *v);
void choose_full(struct inventory *v,
                 bool full); /* the disk is, or is not: logged, where it is new */
