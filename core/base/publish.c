/* base/publish.c - O_EXCL under a temporary name, then renameat()
 *
 * Fails as its system calls do, and then leaves nothing behind but, should even the unlink fail, a
 * temporary name, which the next one takes away.
 */
#include "base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

int publish_begin(int dirfd, const char *temp)
{
    if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
        return -1;
    return openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void publish_drop(int dirfd, const char *temp, int *fd)
{
    int e = errno;

    fd_close(fd);
    (void)unlinkat(dirfd, temp, 0);
    errno = e;
}

int publish_end(int dirfd, const char *temp, const char *name, int *fd)
{
    if (renameat(dirfd, temp, dirfd, name) == 0)
        return 0;
    publish_drop(dirfd, temp, fd);
    return -1;
}

int publish_bytes(int dirfd, const char *temp, const char *name, const void *p, size_t n)
{
    int fd = publish_begin(dirfd, temp), r;

    if (fd < 0)
        return -1;
    if (fd_write_all(fd, p, n) < 0) {
        publish_drop(dirfd, temp, &fd);
        return -1;
    }
    r = publish_end(dirfd, temp, name, &fd);
    fd_close(&fd);
    return r;
}
