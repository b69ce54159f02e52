/* spool/begin.h - the file of a new segment: one that is made, or another that becomes it
 *
 * Either appears under its name by rename, with its header.
 */
#pragma once
#include <sys/stat.h>

#include "spool/segment.h"

/* A new file. The descriptor, or -1 with errno. If the name is taken, then by a segment without a valid frame:
 * else the writer's number would be beyond it. */
int begin_new(int dirfd, const struct segment_header *h);
/* The file of that name, whatever is in it: that is an older life, and h->older is filled in. The descriptor,
 * and how much room it has; or -1 with errno, and 0 for room: it is as it was; else it has no name for that segment,
 * and its first bytes are of no use any more (no room: the folder has none for a name). EMLINK: it has another name,
 * too, and that is somebody's copy. EAGAIN: the name was given to another file meanwhile. */
int begin_over(int dirfd, const char *name, struct segment_header *h, uint64_t *room);
/* Bytes that the file has on the disk, written or not: a file can be made long at no cost. 0: it may not be written
 * over, since it is no file, or has another name. */
uint64_t begin_room(const struct stat *st);
uint64_t begin_room_named(int dirfd,
                          const char *name); /* 0 also where there is none of that name */
