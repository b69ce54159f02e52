/* base/privileges.h - giving up what somebody else's code must not have: capabilities
 *
 * For a child, or a program of our own, before such code runs in it; there is no way back. Root
 * without them is still the owner of root's files, and the sender of signals to root's processes.
 */
#ifndef BASE_PRIVILEGES_H
#define BASE_PRIVILEGES_H

/* Empties the bounding set, as far as that is allowed: it takes CAP_SETPCAP, and so comes before
 * the user is switched. A set-user-id program gets no capability after that. Where it is not
 * allowed, no_new_privs does as much. */
void privileges_bound(void);
/* Empties the effective, permitted, inheritable and ambient sets. A program that root starts gets
 * all of its bounding set again, unless no_new_privs is set. 0, or -1 with errno. */
int privileges_drop(void);
/* Whatever is started from here on gets no more than we have. 0, or -1 with errno. */
int privileges_no_new(void);

#endif
