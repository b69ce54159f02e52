/* spool/rights.h - who may look into a spool
 *
 * Metrics may be confidential. And whoever may read a file may also lock it: with "lock" locked garnetd
 * does not start, with a cursor locked its sink stands still. So everything in the spool is made 0600
 * and 0700, whatever the umask, before anything in it is locked.
 */
#pragma once
#include <stdbool.h>

#include "base/why.h"

/* False, and a sentence, for a folder that everybody may write to, such as /tmp itself. */
bool rights_tighten(int dirfd, struct why *why);
