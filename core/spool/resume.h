/* spool/resume.h - the newest segment of a garnetd that has ended, for the next to go on in
 *
 * As a rule nobody appends to a segment that somebody else has begun: it may end in a torn frame, and the sync helper
 * of the garnetd before may be writing it again. But on a full disk a new segment takes a file, and with many starts
 * each would cost the oldest metrics. So there it is gone on in, where none of that can be.
 */
#pragma once
#include <stdbool.h>

#include "spool/segment.h"

/* Opens the segment that begins at first_seq, whose last whole frame ends at `end`, to be appended to there: the
 * descriptor, its header, and how much room its file has; the next sync of it is of all that it has. -1: not, since there
 * may be something behind `end` under its salt, of which a power failure has left the rest; or since it has another name,
 * or cannot be opened or written. */
int resume_open(int dirfd, uint64_t first_seq, uint64_t end, struct segment_header *h,
                uint64_t *room);
