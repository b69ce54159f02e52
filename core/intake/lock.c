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

#include "base/spawn.h"
#include "intake/folder.h"

enum { WHY = 256 };

/* Who has it; by the time we ask, it may be nobody. */
static void name_holder(int fd, const char *path, char why[WHY])
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
        (void)snprintf(why, WHY, "%.150s is in use by process %ld", path, (long)l.l_pid);
    else
        (void)snprintf(why, WHY, "%.150s was in use by another process just now", path);
}

int socket_lock(const char *path, char why[WHY])
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char file[PATH_MAX];
    int fd;

    if ((size_t)snprintf(file, sizeof file, "%s.lock", path) >= sizeof file) {
        (void)snprintf(why, WHY, "the path of the socket's lock file is too long");
        return -1;
    }
    if (!make_folder_of(path, why))
        return -1;
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        (void)snprintf(why, WHY, "cannot open %.150s: %s", file, strerror(errno));
        return -1;
    }
    if (fcntl(fd, F_SETLK, &l) == 0)
        return fd;
    if (errno == EAGAIN || errno == EACCES)
        name_holder(fd, path, why);
    else
        (void)snprintf(why, WHY, "cannot lock %.150s: %s", file, strerror(errno));
    close_fd(&fd);
    return -1;
}
