/* tests/rig/processes.h - what is alive, asked of /proc, and waiting for it to change
 *
 * A test marks what it starts by a variable in the environment, which every descendant inherits.
 */
#pragma once
#include <criterion/criterion.h>
#include <poll.h>
#include <sys/types.h>

#include "base/clock.h"
#include "rig/until.h"

/* Living processes whose environment holds `mark`. Zombies have none. */
int processes_marked(const char *mark);

/* Living children of `parent` with that name (comm), up to `most` of them; how many there are. */
int processes_under(pid_t parent, const char *comm, pid_t *pids, int most);
/* The only one of these, once there is one; asserts. */
pid_t process_under(pid_t parent, const char *comm);

/* Keeps a process that dies from its parent's wait(), as one that hangs in the kernel would be, until the
 * descriptor that is returned is closed: it is traced, by a process that does not wait for it. -1: that may
 * not be. */
int process_hold(pid_t pid);

int open_descriptors(const char *pid); /* or "self" */

/* Waits for a condition, at most 20 s. */
#define WAIT_FOR(condition) UNTIL_WITHIN(20, (void)poll(NULL, 0, 5), condition, "")
