/* spool/rewrite.h - a segment whose sync has failed, written once more
 *
 * After a failed fdatasync the kernel holds the pages for clean and a second one succeeds without
 * having written anything. What is still in memory is all there is: it is read, checked frame by
 * frame, written to a file of its own, synced, and given the segment's name by rename. Byte for byte
 * the same, so that a reader of either goes on in the other, and numbers stay.
 */
#ifndef SPOOL_REWRITE_H
#define SPOOL_REWRITE_H
#include <stdint.h>

/* 0, also when retention was there first, or an errno: EBADMSG when what can be read is not whole.
 * Then the segment is as it was. Blocks; the folder is not synced yet. Nothing may be appended to it
 * any more. */
int segment_rewrite(int dirfd, uint64_t first_seq);

#endif
