/* spool/blocks.h - a file of the reserve: its room on the disk, before there is anything to write
 *
 * Blocks for as long as the disk likes: for the sync helper.
 */
#pragma once
#include "spool/reserve.h"

/* Makes it, where it appears whole, and before that the folder as large as names may need it. How much room it has: what it says, or less, where there is no more, or
 * others would have less room than the reserve; 0: there is no file. */
uint64_t blocks_make(int dirfd, const struct reserve_file *file);
