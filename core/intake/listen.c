/* intake/listen.c - a Unix socket in the file system, made safely
 *
 * Fails as its system calls do, with a sentence, and leaves nothing behind; what stands in the way
 * and is no socket is never removed. bind() alone takes a path, which nobody else can make lead elsewhere
 * (intake/folder.h): the socket is then looked for in the folder that was checked, and everything
 * else is done there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "intake/conn.h"
#include "intake/folder.h"

enum { WHY = 256 };

static bool failed(char why[WHY], const char *what, const char *path)
{
    (void)snprintf(why, WHY, "cannot %s %s: %s", what, path, strerror(errno));
    return false;
}

static bool fill_address(struct sockaddr_un *sa, const char *path, char why[WHY])
{
    size_t n = strlen(path);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof sa->sun_path) {
        (void)snprintf(why, WHY, "%.140s: the path of a socket has 1 to %zu bytes, not %zu", path,
                       sizeof sa->sun_path - 1, n);
        return false;
    }
    memcpy(sa->sun_path, path, n);
    return true;
}

/* The caller holds the lock, so a socket that is there belongs to nobody any more. */
static bool remove_stale(int dir, const char *name, const char *path, char why[WHY])
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || failed(why, "look at", path);
    if (!S_ISSOCK(st.st_mode)) {
        (void)snprintf(why, WHY,
                       "%s is there and is not a socket: remove it, or choose another path", path);
        return false;
    }
    return unlinkat(dir, name, 0) == 0 || failed(why, "remove the old socket", path);
}

/* Whether it is in `dir` now. */
static bool bind_private(int fd, const struct sockaddr_un *sa, int dir, const char *name)
{
    struct stat st;

    mode_t keep = umask(0177);
    int r = bind(fd, (const struct sockaddr *)sa, sizeof *sa);

    (void)umask(keep);
    if (r < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    errno = ESTALE; /* somebody moves folders this very moment */
    return S_ISSOCK(st.st_mode);
}

/* Nobody can connect before listen(), and by then owner, group and mode are what they should be. The
 * mode while it is ours still: changing somebody else's would take a capability more. */
static bool open_up(int fd, const struct source_config *c, int dir, const char *name, char why[WHY])
{
    if (fchmodat(dir, name, c->mode, 0) < 0) /* in that folder nobody makes it a link */
        return failed(why, "set the mode of", c->path);
    if ((c->uid != (uid_t)-1 || c->group != (gid_t)-1) &&
        fchownat(dir, name, c->uid, c->group, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(why, c->uid != (uid_t)-1 ? "set the owner of" : "set the group of", c->path);
    return listen(fd, BACKLOG) == 0 || failed(why, "listen on", c->path);
}

static int listen_in(int dir, const char *name, const struct source_config *c, char why[WHY])
{
    struct sockaddr_un sa;
    int fd;

    if (!fill_address(&sa, c->path, why) || !remove_stale(dir, name, c->path, why))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_private(fd, &sa, dir, name)) {
        (void)failed(why, "make the socket", c->path);
        fd_close(&fd);
        return -1;
    }
    fdpass_refuse(fd);
    if (open_up(fd, c, dir, name, why))
        return fd;
    (void)unlinkat(dir, name, 0);
    fd_close(&fd);
    return -1;
}

int listen_at(const struct source_config *c, char why[WHY])
{
    const char *name;
    int dir = folder_make(c->path, c->own_groups, &name, why);
    int fd = dir < 0 ? -1 : listen_in(dir, name, c, why);

    fd_close(&dir);
    return fd;
}
