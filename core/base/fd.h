/* base/fd.h - descriptors and files: opened, locked, read, written, published and closed in one way
 *
 * Each fails as the system call under it does, with errno, and leaves nothing half-made open.
 */
#pragma once
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"

/* First thing in a main: whichever of 0, 1 and 2 is closed becomes /dev/null, so that no other
 * descriptor ever takes its number. -1 with errno. */
int fd_fill_stdio(void);
/* For a helper that has no use for its parent's 0, 1 and 2: /dev/null, or closed. */
void fd_null_stdio(void);
/* Whether the errno says that there is no room on the disk, or no more of a quota. */
bool fd_no_room(int error);
bool fd_unlinked(int fd);                                 /* the file has no name any more */
int fd_nonblock(int fd);                                  /* 0, or -1 with errno */
int fd_pipe(int fds[2], int read_flags, int write_flags); /* O_NONBLOCK or 0 for each end */
/* 0, or -1 with errno: some may be out. */
int fd_write_all(int fd, const void *p, size_t n);
/* At `at`, or for -1 where fd stands. What v says is used up. */
int fd_writev_at(int fd, struct iovec *v, int n, off_t at);
int fd_write_at(int fd, const void *p, size_t n, off_t at); /* at < 0: as fd_write_all() */
/* How much of it there is: less than n at the end of the file only. -1 with errno. */
ssize_t fd_read_at(int fd, void *p, size_t n, off_t at);
/* Appends all that comes, up to the end: from the place `from` on, or for -1 from where fd stands.
 * 0, or -1 with errno: EFBIG when it is more than out->max, of which as much is there. */
int fd_read_all(int fd, off_t from, struct buf *out);
/* What follows `start` in the first line of a file of the kernel's that begins so, from malloc(); NULL:
 * there is none. */
char *fd_line_after(const char *file, const char *start);
/* To list the folder that is open as fd; it is closed with the list, or when there is none: NULL, with
 * errno. For fd -1 that stays as it is. */
DIR *fd_list(int fd);
/* A POSIX record lock on the whole file: 0, or -1 with errno; EAGAIN when another process has one. */
int fd_lock(int fd);
/* Who has it, 0 when by now nobody does or the kernel does not name it. Keeps errno. */
pid_t fd_lock_holder(int fd);
/* A message of a socket of packets, and up to FD_PASS_MAX descriptors with it (SCM_RIGHTS); what a stranger
 * passes is fdpass.h's. As sendmsg() and recvmsg(): fds that did not come are -1, none is 0, 1 or 2, and *cut
 * says that some could not be taken, for want of room or of descriptors. */
enum { FD_PASS_MAX = 8 };
ssize_t fd_send(int socket, const void *p, size_t n, const int *fds, unsigned nfds, int flags);
ssize_t fd_receive(int socket, void *p, size_t n, int *fds, unsigned nfds, int flags, bool *cut);
void fd_close(int *fd); /* close if >= 0, set to -1, keep errno */

/* --- a file that appears whole under its name, or not at all ---
 *
 * It is made under a temporary name in the same folder, and renamed when it is whole. Whatever stands
 * under the temporary name is unlinked first and the file made anew (0600, O_EXCL): nothing is ever
 * written into a FIFO, through a link, or into a file that somebody else holds open. Syncing is the
 * caller's. Both names are relative to `dirfd`, which is borrowed. */

/* An empty file, open for writing, or -1 with errno. */
int publish_begin(int dirfd, const char *temp);
/* Gives it its name; *fd stays open. 0, or -1 with errno: then it is as after publish_drop(). */
int publish_end(int dirfd, const char *temp, const char *name, int *fd);
/* Closes and removes it, keeping errno. */
void publish_drop(int dirfd, const char *temp, int *fd);
/* All of it at once. 0, or -1 with errno. */
int publish_bytes(int dirfd, const char *temp, const char *name, const void *p, size_t n);
