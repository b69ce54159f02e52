/* intake/lock.c - the lock file beside the socket
 *
 * Fails when the folder cannot be made or the file cannot be opened, and when another process has
 * it: then the sentence names that process. Taking it twice in one process is not noticed, as
 * POSIX locks go, and closing any descriptor of the file would release it: nobody else opens it.
 */
#include "intake/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/why.h"
#include "intake/folder.h"

/* Who has it; by the time we ask, it may be nobody. */
static void name_holder(int fd, const char *path, struct why *why)
{
    pid_t holder = fd_lock_holder(fd);

    if (holder > 0)
        why_set(why, "%.150s is in use by process %ld", path, (long)holder);
    else
        why_set(why, "%.150s was in use by another process just now", path);
}

int socket_lock(const char *path, const char *own_groups, struct why *why)
{
    const char *name;
    char file[NAME_MAX + 1];
    int dir = folder_make(path, own_groups, &name, why), fd;

    if (dir < 0)
        return -1;
    if ((size_t)snprintf(file, sizeof file, "%s.lock", name) >= sizeof file) {
        why_set(why, "the name of the socket's lock file is too long");
        fd_close(&dir);
        return -1;
    }
    fd = openat(dir, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    fd_close(&dir);
    if (fd < 0) {
        why_set(why, "cannot open %.150s.lock: %s", path, strerror(errno));
        return -1;
    }
    if (fd_lock(fd) == 0)
        return fd;
    if (errno == EAGAIN)
        name_holder(fd, path, why);
    else
        why_set(why, "cannot lock %.150s.lock: %s", path, strerror(errno));
    fd_close(&fd);
    return -1;
}
