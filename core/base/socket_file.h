/* base/socket_file.h - a Unix socket in the file system, its lock, and the folder that they live in
 *
 * Whoever can write to a folder can put a link, another socket or another folder in the place of what
 * we have made, and in the place of what a start removes. So a folder is walked to and looked at
 * before anything is done in it, and everything is done through its descriptor:
 *   - it belongs to us or to root, and nobody else may write to it, no group and so not to /tmp itself;
 *   - nor can anybody else alter or move what is on the way there, folders and links (base/trust.h).
 * Then a path leads to the same place a moment later, for bind(), too. Paths are absolute.
 * `own_groups`: which groups may write on the way, as struct trust has it; or NULL.
 *
 * What fails leaves nothing behind, and fills why[] with a sentence.
 */
#pragma once
#include <sys/types.h>

#include "base/why.h"

/* The folder of `path`; *name is the path's last part. With `make` it is made (0755) when it is
 * missing, but no parents: a missing /run/garnet is normal after a reboot, a missing /rnu is a typing
 * error. A descriptor to do things at (O_PATH), or -1 and what to do. */
int folder_open(const char *path, const char *own_groups, bool make, const char **name,
                struct why *why);

/* Of two daemons on one socket, the second is refused. Opens (0600) and locks PATH.lock; makes the
 * folder like folder_open(). The descriptor, which holds the lock for life, or -1 and a sentence:
 * "/run/garnet/garnet.sock is in use by process 123". The file stays: unlinking it would let two
 * daemons each lock "the" file. */
int socket_lock(const char *path, const char *own_groups, struct why *why);

struct socket_config {
    const char *path, *own_groups;
    mode_t mode;
    uid_t uid;   /* (uid_t)-1: unchanged */
    gid_t group; /* (gid_t)-1: unchanged */
};
enum { SOCKET_BACKLOG = 1024 }; /* the kernel takes one more than it is told */

/* Binds, 0600 until mode and owner are set, and listens then. A stale socket of ours is replaced: the
 * caller holds the lock. Clients cannot pass descriptors, where the kernel can refuse them. -1: failed. */
int socket_listen(const struct socket_config *c, struct why *why);
/* Removes the socket `path`; nothing else, and nothing where the folder is not as above. Best effort. */
void socket_remove(const char *path, const char *own_groups);
/* Removes every socket in the folder of `path`. Best effort. */
void socket_remove_all(const char *path, const char *own_groups);
