/* cli/spool_folder.h - a spool's folder, for who only reads: opened, with a sentence where it cannot be, and where it
 * begins and ends
 *
 * No lock is taken, and nothing of a worker's or the writer's is touched.
 */
#pragma once
#include <stdint.h>

#include "base/why.h"

/* The descriptor; or -1, and why, a clause about the folder: "cannot be read: ..." */
int spool_folder(const char *dir, struct why *why);
/* That clause for an errno. Returns false. */
bool spool_fault(struct why *why, int error);
/* The number that comes next, found by reading the newest segment. 1, or 0 where there is none; -1 with errno. */
int spool_end(int dirfd, uint64_t *next);
