/* sink/lookup.h - what a metric in the spool is called: for the log, about one that was read before
 *
 * Reads the spool once more, by a reader of its own; so it is not for every metric.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Of metric number `seq`. False: it is gone, or cannot be read now. */
bool lookup_name(int dirfd, uint64_t seq, struct buf *name);
