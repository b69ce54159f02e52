/* base/process.h - the children of a process, as /proc lists them now
 *
 * For a subreaper, to find what it has inherited. It is a look through all of /proc (some 10 us a
 * process), so for the rare moment when something may be left, not for every run.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H
#include <sys/types.h>

/* The parent of `pid`, an entry of the folder /proc that is open as `proc`; 0: it is gone. */
pid_t process_parent(int proc, const char *pid);
/* Calls fn for each child of `parent`, zombies included. The number of them, or -1 with errno. */
int process_children(pid_t parent, void (*fn)(void *arg, pid_t child), void *arg);

#endif
