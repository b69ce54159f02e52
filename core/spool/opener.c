/* spool/opener.c - requests and answers over a socket pair
 *
 * A request is a name and flags, the answer an errno and, if that is 0, a descriptor. Whoever asks
 * waits for it. The plugin in the worker can ask for what its worker can, and the list below is
 * all: so at worst it reads the spool, which every plugin can, and damages its own sink's cursor.
 * It ends when the other end is closed. Fails only as the system does; but a worker whose opener
 * somebody has killed ends, and is started again with another.
 */
#include "spool/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/process.h"

enum { NAME = 128, ALWAYS = O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW };
enum { APPEND = O_RDWR | O_CREAT | O_APPEND };

struct request {
    int32_t flags;
    char name[NAME];
};

struct opener {
    int socket, dirfd;
    const char *sink;
    bool (*is_segment)(const char *name);
};

static int asks = -1; /* this process's end; -1: it opens by itself */

/* --- the opener --- */

static bool is(const struct opener *o, const char *name, const char *before, const char *after)
{
    char want[NAME];

    (void)snprintf(want, sizeof want, "%s%s%s", before, o->sink, after);
    return strcmp(name, want) == 0;
}

static bool allowed(const struct opener *o, const struct request *r)
{
    if (strcmp(r->name, ".") == 0)
        return r->flags == (O_RDONLY | O_DIRECTORY);
    if (is(o, r->name, "cursors/", ""))
        return r->flags == O_RDWR;
    if (is(o, r->name, "quarantine/", ".ndjson"))
        return r->flags == O_RDONLY || r->flags == APPEND;
    return r->flags == O_RDONLY && o->is_segment(r->name);
}

/* The descriptor, or -1 with errno. */
static int open_for(const struct opener *o, struct request *r)
{
    r->name[NAME - 1] = 0;
    if (!allowed(o, r)) {
        errno = EPERM;
        return -1;
    }
    if ((r->flags & O_CREAT) != 0 && mkdirat(o->dirfd, "quarantine", SPOOL_FOLDER) < 0 &&
        errno != EEXIST)
        return -1;
    return openat(o->dirfd, r->name, r->flags | ALWAYS, SPOOL_FILE);
}

static void answer(const struct opener *o, int fd, int32_t error)
{
    while (fd_send(o->socket, &error, sizeof error, &fd, fd >= 0, 0) < 0 && errno == EINTR)
        ;
}

/* Until the worker, and whatever it has started, has closed the other end. */
static int serve(void *arg)
{
    const struct opener *o = arg;
    struct request r;
    ssize_t n;
    int fd;

    if (setpgid(0, 0) < 0 || privileges_no_new() < 0)
        return 1;
    privileges_bound();
    if (privileges_drop() < 0)
        return 1;
    while ((n = recv(o->socket, &r, sizeof r, 0)) > 0 || (n < 0 && errno == EINTR)) {
        if (n != (ssize_t)sizeof r)
            continue;
        fd = open_for(o, &r);
        answer(o, fd, fd < 0 ? errno : 0);
        fd_close(&fd);
    }
    return 0;
}

int opener_start(const char *dir, const char *sink, bool (*is_segment)(const char *name))
{
    struct opener o = {.sink = sink,
                       .is_segment = is_segment,
                       .dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    int pair[2];
    pid_t pid = -1;

    if (o.dirfd >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
        o.socket = pair[0];
        pid = spawn_helper("garnet-opener", (const int[]){o.socket, o.dirfd}, 2, serve, &o);
        fd_close(&pair[0]);
        if (pid < 0)
            fd_close(&pair[1]);
        else
            asks = pair[1];
    }
    fd_close(&o.dirfd);
    return pid < 0 ? -1 : 0;
}

/* --- who asks it --- */

/* The answer, 0 or an errno, with *fd where that is 0. */
static int32_t receive_answer(int *fd)
{
    int32_t error = EPIPE;
    bool cut;
    ssize_t n;

    do
        n = fd_receive(asks, &error, sizeof error, fd, 1, 0, &cut);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof error)
        return EPIPE;
    return error != 0 || *fd >= 0 ? error : EMFILE; /* no room for it here */
}

int opener_open(int dirfd, const char *name, int flags)
{
    struct request r = {.flags = flags};
    int fd = -1;

    if (asks < 0)
        return openat(dirfd, name, flags | ALWAYS, SPOOL_FILE);
    (void)snprintf(r.name, sizeof r.name, "%s", name);
    errno = send(asks, &r, sizeof r, MSG_NOSIGNAL) < 0 ? EPIPE : receive_answer(&fd);
    if (errno == EPIPE)
        fatal("its opener, without which it cannot read the spool, has been ended");
    return fd;
}

int opener_folder(const char *dir)
{
    return asks < 0 ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                    : opener_open(-1, ".", O_RDONLY | O_DIRECTORY);
}

int opener_stat(int dirfd, const char *name, struct stat *st)
{
    int fd, result;

    if (asks < 0)
        return fstatat(dirfd, name, st, AT_SYMLINK_NOFOLLOW);
    fd = opener_open(dirfd, name, O_RDONLY);
    result = fd < 0 ? -1 : fstat(fd, st);
    fd_close(&fd);
    return result;
}

int opener_mkdir(int dirfd, const char *name)
{
    return asks < 0 ? mkdirat(dirfd, name, SPOOL_FOLDER) : 0;
}
