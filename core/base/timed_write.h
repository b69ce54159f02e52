/* base/timed_write.h - a write that may block, to what others have open as well, and so cannot be made non-blocking
 *
 * A timer ends it. For a process that has SIGALRM to itself.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

void timed_write_init(void); /* once, before the first: SIGALRM's handler */
/* As write(); EINTR also when `us` (less than a second) have passed. */
ssize_t timed_write(int fd, const void *p, size_t n, suseconds_t us);
