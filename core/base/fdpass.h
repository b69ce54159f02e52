/* base/fdpass.h - descriptors that a peer passes along with its bytes (SCM_RIGHTS): none is taken
 *
 * Nobody asks for them, and yet whoever reads those bytes, or closes the connection with them unread,
 * closes what was passed. Closing a TCP socket lasts as long as its sender has set (SO_LINGER), an
 * hour if he likes, and garnetd's loop would stand still. Linux 6.16 lets a socket refuse them, and
 * then their sender gets EPERM. Before that they are looked for ahead of each read and left where
 * they are, and a connection with anything unread is closed for good by a process of its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Refuses them on a socket that listens, and so on all that it accepts; where the kernel can. */
void fdpass_refuse(int fd);
/* Whether any may come over that connection. */
bool fdpass_allowed(int fd);
/* As recv() with MSG_DONTWAIT, for a connection over which some may come, of packets too. -1 with ECOMM:
 * some are with what comes next, and stay there. */
ssize_t fdpass_recv(int fd, void *p, size_t n);
/* Closes a peer's connection, sets *fd to -1 and keeps errno; no-op for -1. Never waits but for a
 * fork, and leaves a child to be reaped then. */
void fdpass_close(int *fd);
