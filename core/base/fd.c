/* base/fd.c - system calls on descriptors, repeated where a signal or a short count comes between
 *
 * Nothing is held in memory between two calls.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 1 << 16 }; /* bytes of a read */

/* The smallest of keep[] that is >= floor, or -1. */
static int next_kept(const int *keep, size_t n, int floor)
{
    int next = -1;

    for (size_t i = 0; i < n; i++)
        if (keep[i] >= floor && (next < 0 || keep[i] < next))
            next = keep[i];
    return next;
}

void fd_close_all_but(const int *keep, size_t n)
{
    int floor = STDERR_FILENO + 1, kept;

    for (; (kept = next_kept(keep, n, floor)) >= 0; floor = kept + 1)
        if (kept > floor)
            (void)close_range((unsigned)floor, (unsigned)kept - 1, 0);
    (void)close_range((unsigned)floor, ~0U, 0);
}

int fd_nonblock(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -1;
    return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -1 : 0;
}

int fd_pipe(int fds[2], int read_flags, int write_flags)
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    if (((read_flags & O_NONBLOCK) && fd_nonblock(fds[0]) < 0) ||
        ((write_flags & O_NONBLOCK) && fd_nonblock(fds[1]) < 0)) {
        fd_close(&fds[0]);
        fd_close(&fds[1]);
        return -1;
    }
    return 0;
}

int fd_read_all(int fd, off_t from, struct buf *out)
{
    for (;;) {
        size_t left = out->max > 0 ? out->max - out->n : PIECE, size = left < PIECE ? left : PIECE;
        char beyond, *to = size > 0 ? buf_room(out, size) : &beyond;
        ssize_t n;

        if (to == NULL) {
            errno = ENOMEM;
            return -1;
        }
        n = from < 0 ? read(fd, to, size > 0 ? size : 1) : pread(fd, to, size > 0 ? size : 1, from);
        if (n == 0 || (n < 0 && errno != EINTR))
            return (int)n;
        if (n > 0 && size == 0) {
            errno = EFBIG;
            return -1;
        }
        out->n += n > 0 ? (size_t)n : 0;
        from += n > 0 && from >= 0 ? n : 0;
    }
}

int fd_write_all(int fd, const void *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w == 0)
            errno = EIO; /* no file of ours does that: some of FUSE do, for ever */
        if (w <= 0)
            return -1;
        p = (const char *)p + w;
        n -= (size_t)w;
    }
    return 0;
}

int fd_lock(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_SETLK, &l) == 0)
        return 0;
    if (errno == EACCES)
        errno = EAGAIN;
    return -1;
}

pid_t fd_lock_holder(int fd)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int keep = errno;
    bool held = fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK && l.l_pid > 0;

    errno = keep;
    return held ? l.l_pid : 0;
}

void fd_close(int *fd)
{
    int keep = errno;

    if (*fd >= 0)
        (void)close(*fd); /* Linux frees the number whatever close says: never again */
    *fd = -1;
    errno = keep;
}

int fd_fill_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0)
        return -1;
    fd_close(&fd);
    return 0;
}
