/* base/process.h - other processes: a child's end, who is whose child */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Waits for a child's end, but not beyond `until` (clock_mono()), and reaps it. False: it runs on. True:
 * *status is how it ended, or 0 if it is no child of ours, or not any more. */
bool process_wait(pid_t pid, int64_t until, int *status);
/* The parent of `pid`, an entry of the folder /proc that is open as `proc`; 0: it is gone. */
pid_t process_parent(int proc, const char *pid);
/* Calls fn for each child of `parent`, zombies included. The number of them, or -1 with errno. For a
 * subreaper, to find what it has inherited. It is a look through all of /proc (some 10 us a process),
 * so for the rare moment when something may be left, not for every run. */
int process_children(pid_t parent, void (*fn)(void *arg, pid_t child), void *arg);

#endif
