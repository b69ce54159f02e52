/* keep/sweep.h - SIGKILL to whatever has come down from this process
 *
 * For a subreaper with one thread. One look is no promise, since a process can fork between being
 * found and being killed: repeat until wait() says that no child is left. SIGSTOP first would gain
 * nothing: a killed process forks no more either.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

/* Both leave out the n children in `spared`, and what has come down from those. Children alone, some
 * 20 us: quick enough for a chain of processes that each fork and exit at once, since each of them is
 * ours when its parent has exited. Returns how many there were, dead ones that nobody has waited for
 * included; 0 also when the kernel has no list of them. */
unsigned sweep_children(const pid_t *spared, size_t n);
/* Every descendant, and how many were found, by a pass over /proc, some 10 us for each process of the
 * machine; not 0 when there can be no pass. */
unsigned sweep_tree(const pid_t *spared, size_t n);
