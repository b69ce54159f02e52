/* spool/rights.h - who may read, lock and write what is in a spool: garnetd's own user, and no one else
 *
 * Metrics may be confidential. And whoever may read a file may also lock it: with "lock" locked
 * garnetd does not start, with a cursor locked its sink stands still. So everything in the spool is
 * made 0600 and 0700, whatever the umask.
 */
#ifndef SPOOL_RIGHTS_H
#define SPOOL_RIGHTS_H
#include <stdbool.h>

#include "base/why.h"

enum { SPOOL_FOLDER = 0700, SPOOL_FILE = 0600 };

/* Takes from all others what an older garnetd, or somebody by hand, has given them: from the folder,
 * and from everything of ours in it. A folder in which there are files of somebody else's keeps its
 * mode. What cannot be changed is logged. False, and a sentence in why[], for a folder that
 * everybody may write to, such as /tmp itself. To be called before anything in it is locked. */
bool rights_tighten(int dirfd, struct why *why);

#endif
