/* base/fd.h - descriptors: opened, locked, read, written to and closed in the one way we do it
 *
 * Each fails as the system call under it does, with errno, and leaves nothing half-made open.
 */
#ifndef BASE_FD_H
#define BASE_FD_H
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"

/* First thing in a main: whichever of 0, 1 and 2 is closed becomes /dev/null, so that no other
 * descriptor ever takes its number. -1 with errno. */
int fd_fill_stdio(void);
int fd_nonblock(int fd);                                  /* 0, or -1 with errno */
int fd_pipe(int fds[2], int read_flags, int write_flags); /* O_NONBLOCK or 0 for each end */
int fd_write_all(int fd, const void *p, size_t n);        /* 0, or -1 with errno: some may be out */
/* Appends all that comes, up to the end: from the place `from` on, or for -1 from where fd stands.
 * 0, or -1 with errno: EFBIG when it is more than out->max, of which as much is there. */
int fd_read_all(int fd, off_t from, struct buf *out);
/* A POSIX record lock on the whole file: 0, or -1 with errno; EAGAIN when another process has one. */
int fd_lock(int fd);
/* Who has it, 0 when by now nobody does or the kernel does not name it. Keeps errno. */
pid_t fd_lock_holder(int fd);
void fd_close(int *fd); /* close if >= 0, set to -1, keep errno */
/* Closes every descriptor but 0, 1, 2 and keep[0..n-1]: for a child of a plain fork(). */
void fd_close_all_but(const int *keep, size_t n);

#endif
