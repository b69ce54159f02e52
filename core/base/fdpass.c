/* base/fdpass.c - descriptors that a peer passes along with its bytes: none is taken
 *
 * A process that ends does not linger, so the last one to have the connection open is one that has
 * nothing else to do. Where there is no process to be had the connection is closed here after all.
 */
#include "base/fdpass.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

void fdpass_refuse(int fd)
{
    int no = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof no);
}

bool fdpass_allowed(int fd)
{
    int may = 1;
    socklen_t n = sizeof may;

    return getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &may, &n) < 0 || may != 0;
}

/* A look does not close them: they are in the queue still. It ends with the first that has some. */
ssize_t fdpass_recv(int fd, void *p, size_t n)
{
    struct iovec v = {p, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t there = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);

    if (there <= 0)
        return there;
    if ((m.msg_flags & MSG_CTRUNC) == 0)
        return recv(fd, p, (size_t)there, MSG_DONTWAIT);
    errno = ECOMM;
    return -1;
}

/* --- closing --- */

static int linger(void *arg)
{
    const int *from = arg;
    char c;

    while (read(*from, &c, 1) < 0 && errno == EINTR)
        ;
    return 0;
}

/* Closed here while that process has it, too: it ends with the pipe. */
static void close_elsewhere(int *fd)
{
    int ends[2];

    if (fd_pipe(ends, 0, 0) == 0) {
        (void)spawn_helper("garnetd-close", (const int[]){*fd, ends[0]}, 2, linger, &ends[0]);
        fd_close(fd);
        fd_close(&ends[0]);
        fd_close(&ends[1]);
    }
    fd_close(fd);
}

/* Anything at all. An empty packet looks like the end, but for this: with credentials asked for and no
 * room for them, it is marked as cut off. (A stream's end would be, too; it has no empty pieces.) */
static bool unread(int fd)
{
    const int yes = 1;
    int type = SOCK_STREAM;
    socklen_t size = sizeof type;
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    ssize_t n;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type != SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes);
    do
        n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET)); /* which is reported once */
    return n > 0 || (n == 0 && (m.msg_flags & MSG_CTRUNC) != 0);
}

void fdpass_close(int *fd)
{
    int keep = errno;

    if (*fd >= 0 && fdpass_allowed(*fd)) {
        (void)shutdown(*fd, SHUT_RD); /* nothing more comes in */
        if (unread(*fd))
            close_elsewhere(fd);
    }
    fd_close(fd);
    errno = keep;
}
