/* base/privileges.h - giving up what somebody else's code must not have: capabilities
 *
 * And a user's identity. For a child, or a program of our own, before such code runs in it; there is no way back. Root
 * without them is still the owner of root's files, and the sender of signals to root's processes.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

/* Another user, with exactly these groups beside `gid`, and another group; (uid_t)-1 and (gid_t)-1:
 * as it is. For good: real, effective and saved; of the calling thread alone. 0, or -1 with errno, also
 * when the system says that it has done it and has not. */
int privileges_become(uid_t uid, gid_t gid, const gid_t *groups, size_t ngroups);

/* Empties the bounding set, as far as that is allowed: it takes CAP_SETPCAP, and so comes before
 * the user is switched. A set-user-id program gets no capability after that. Where it is not
 * allowed, no_new_privs does as much. */
void privileges_bound(void);
/* Empties the effective, permitted, inheritable and ambient sets. A program that root starts gets
 * all of its bounding set again, unless no_new_privs is set. 0, or -1 with errno. */
int privileges_drop(void);
/* Whatever is started from here on gets no more than we have. 0, or -1 with errno. */
int privileges_no_new(void);
