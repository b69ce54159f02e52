/* base/fd.c - system calls, repeated where a signal or a short count comes between
 *
 * Nothing is held in memory between two calls. A file that could not be published leaves nothing
 * behind but, should even the unlink fail, its temporary name, which the next one takes away.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 4096 }; /* the least that there is room for in a read */

void fd_null_stdio(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd <= 2; fd++)
        if (null >= 0)
            (void)dup2(null, fd);
        else
            (void)close(fd);
    if (null > 2)
        fd_close(&null);
}

bool fd_no_room(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

bool fd_unlinked(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 0;
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
        size_t left = out->max > 0 ? out->max - out->n : SIZE_MAX, spare = out->cap - out->n;
        size_t most = spare > PIECE ? spare : PIECE, size = left < most ? left : most;
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

int fd_write_at(int fd, const void *p, size_t n, off_t at)
{
    for (size_t done = 0; done < n;) {
        const char *from = (const char *)p + done;
        ssize_t w =
            at < 0 ? write(fd, from, n - done) : pwrite(fd, from, n - done, at + (off_t)done);

        if (w < 0 && errno == EINTR)
            continue;
        if (w == 0)
            errno = EIO; /* no file of ours does that: some of FUSE do, for ever */
        if (w <= 0)
            return -1;
        done += (size_t)w;
    }
    return 0;
}

int fd_write_all(int fd, const void *p, size_t n)
{
    return fd_write_at(fd, p, n, -1);
}

int fd_writev_at(int fd, struct iovec *v, int n, off_t at)
{
    while (n > 0) {
        ssize_t w = at < 0 ? writev(fd, v, n) : pwritev(fd, v, n, at);

        if (w < 0 && errno == EINTR)
            continue;
        if (w == 0)
            errno = EIO; /* as above */
        if (w <= 0)
            return -1;
        at += at < 0 ? 0 : w;
        for (; n > 0 && (size_t)w >= v->iov_len; v++, n--)
            w -= (ssize_t)v->iov_len;
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + w;
            v->iov_len -= (size_t)w;
        }
    }
    return 0;
}

ssize_t fd_read_at(int fd, void *p, size_t n, off_t at)
{
    size_t done = 0;
    ssize_t r = 1;

    while (done < n && r != 0) {
        r = pread(fd, (char *)p + done, n - done, at + (off_t)done);
        if (r < 0 && errno != EINTR)
            return -1;
        done += r > 0 ? (size_t)r : 0;
    }
    return (ssize_t)done;
}

char *fd_line_after(const char *file, const char *start)
{
    FILE *f = fopen(file, "re");
    size_t n = strlen(start);
    char line[4096], *rest = NULL;

    while (f != NULL && rest == NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, start, n) == 0) {
            line[strcspn(line, "\n")] = 0;
            rest = strdup(line + n);
        }
    if (f != NULL)
        (void)fclose(f);
    return rest;
}

DIR *fd_list(int fd)
{
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    if (list == NULL)
        fd_close(&fd);
    return list;
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

/* --- passing descriptors along --- */

union passed {
    struct cmsghdr head;
    char space[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

ssize_t fd_send(int socket, const void *p, size_t n, const int *fds, unsigned nfds, int flags)
{
    struct iovec v = {(void *)(uintptr_t)p, n}; /* sendmsg() alters nothing of it */
    union passed c = {.space = {0}};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (nfds > 0) {
        m.msg_control = c.space;
        m.msg_controllen = CMSG_SPACE(nfds * sizeof *fds);
        c.head.cmsg_level = SOL_SOCKET;
        c.head.cmsg_type = SCM_RIGHTS;
        c.head.cmsg_len = CMSG_LEN(nfds * sizeof *fds);
        memcpy(CMSG_DATA(&c.head), fds, nfds * sizeof *fds);
    }
    return sendmsg(socket, &m, flags | MSG_NOSIGNAL);
}

/* A process whose 0, 1 and 2 are closed gets these numbers, which are not for what is passed along. False: closed. */
static bool lift_fd(int *fd)
{
    int low = *fd;

    if (low > STDERR_FILENO)
        return true;
    *fd = fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    fd_close(&low);
    return *fd >= 0;
}

ssize_t fd_receive(int socket, void *p, size_t n, int *fds, unsigned nfds, int flags, bool *cut)
{
    struct iovec v = {p, n};
    union passed c;
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = c.space,
                       .msg_controllen = CMSG_LEN(nfds * sizeof *fds)};
    ssize_t got = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;

    for (unsigned i = 0; i < nfds; i++)
        fds[i] = -1;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS &&
        head->cmsg_len <= CMSG_LEN(nfds * sizeof *fds))
        memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
    *cut = got > 0 && (m.msg_flags & MSG_CTRUNC) != 0;
    for (unsigned i = 0; i < nfds; i++)
        *cut |= fds[i] >= 0 && !lift_fd(&fds[i]);
    return got;
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

/* --- a file that appears whole --- */

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
