/* intake/folder.c - the folder that a socket and its lock live in
 *
 * Made is one level only: a missing /run/garnet is normal after a reboot, a missing /rnu is a typing
 * error. Fails as its system calls do, and for a folder that others can change.
 */
#include "intake/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/spawn.h"

enum { WHY = 256 };

struct walk {
    const char *folder;  /* where to */
    char path[PATH_MAX]; /* as far as we are */
    int fd;              /* of that */
    bool make;           /* the last part, when it is missing */
    char *why;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct walk *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(w->why, WHY, fmt, ap);
    va_end(ap);
    return false;
}

static bool failed(struct walk *w, const char *what)
{
    return refuse(w, "cannot %s the folder %.150s: %s", what, w->path, strerror(errno));
}

static bool trusted(uid_t uid)
{
    return uid == 0 || uid == geteuid();
}

/* Where everybody may replace what is in it, what we find behind it is anybody's. */
static bool may_pass(struct walk *w)
{
    struct stat st;

    if (fstat(w->fd, &st) < 0)
        return failed(w, "look at");
    if ((st.st_mode & S_IWOTH) == 0 || (st.st_mode & S_ISVTX) != 0)
        return true;
    return refuse(w,
                  "everybody may replace what is in %.120s: chmod o-w it, or choose another path",
                  w->path);
}

/* Who may connect is for the socket to say, so the folder lets everybody pass, whatever our umask. */
static int make(const struct walk *w, const char *part)
{
    mode_t keep = umask(022);
    int r = mkdirat(w->fd, part, 0755);

    (void)umask(keep);
    return r;
}

/* One part further; `last`: the folder itself. */
static bool go(struct walk *w, const char *part, bool last)
{
    int next = openat(w->fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (next < 0 && errno == ENOENT && last && w->make) {
        if (make(w, part) < 0 && errno != EEXIST)
            return failed(w, "make");
        next = openat(w->fd, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    if (next < 0 || fstat(next, &st) < 0) {
        close_fd(&next);
        return !last && w->make ? refuse(w, "cannot make the folder %.100s: %.100s: %s", w->folder,
                                         w->path, strerror(errno))
                                : failed(w, w->make ? "make" : "find");
    }
    if (S_ISLNK(st.st_mode) && !trusted(st.st_uid)) {
        close_fd(&next);
        return refuse(w, "%.120s is a link of user %ld's, which may lead anywhere: remove it",
                      w->path, (long)st.st_uid);
    }
    if (S_ISLNK(st.st_mode)) {
        close_fd(&next);
        next = openat(w->fd, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return failed(w, "find");
    }
    close_fd(&w->fd);
    w->fd = next;
    return true;
}

static bool ours_alone(struct walk *w)
{
    struct stat st;

    if (fstat(w->fd, &st) < 0)
        return failed(w, "look at");
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return failed(w, "use");
    }
    if (!trusted(st.st_uid))
        return refuse(
            w,
            "the folder %.120s belongs to user %ld, who could replace the socket: give it "
            "to user %ld, or choose another",
            w->path, (long)st.st_uid, (long)geteuid());
    if ((st.st_mode & S_IWOTH) != 0)
        return refuse(
            w,
            "everybody may write to the folder %.70s, and replace the socket: put it into "
            "a folder of its own, such as %.70s/garnet",
            w->path, w->path);
    if ((st.st_mode & S_IWGRP) != 0)
        return refuse(
            w, "a group may write to the folder %.120s, and replace the socket: chmod g-w it",
            w->path);
    return true;
}

static bool walk(struct walk *w)
{
    char parts[PATH_MAX], *rest = parts, *part;

    (void)snprintf(parts, sizeof parts, "%s", w->folder);
    (void)snprintf(w->path, sizeof w->path, "%s", parts[0] == '/' ? "/" : "");
    w->fd = open(parts[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->fd < 0)
        return failed(w, "open");
    while ((part = strsep(&rest, "/")) != NULL) {
        size_t n = strlen(w->path);

        if (*part == '\0')
            continue;
        if (!may_pass(w))
            return false;
        (void)snprintf(w->path + n, sizeof w->path - n, "%s%s",
                       n > 0 && w->path[n - 1] != '/' ? "/" : "", part);
        if (!go(w, part, rest == NULL || rest[strspn(rest, "/")] == '\0'))
            return false;
    }
    return ours_alone(w);
}

static int find(const char *path, const char **name, bool make, char why[WHY])
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    char folder[PATH_MAX];
    struct walk w = {.folder = folder, .fd = -1, .make = make, .why = why};

    *name = path + n;
    if (n >= sizeof folder || **name == '\0') {
        (void)snprintf(why, WHY, "%.150s is no path of a socket", path);
        return -1;
    }
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(n > 1 ? n - 1 : n), path);
    if (!walk(&w))
        close_fd(&w.fd);
    return w.fd;
}

int folder_make(const char *path, const char **name, char why[WHY])
{
    return find(path, name, true, why);
}

int folder_find(const char *path, const char **name, char why[WHY])
{
    return find(path, name, false, why);
}

static void remove_socket(int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        (void)unlinkat(dir, name, 0);
}

void folder_remove_socket(const char *path)
{
    const char *name;
    char why[WHY];
    int dir = folder_find(path, &name, why);

    if (dir >= 0)
        remove_socket(dir, name);
    close_fd(&dir);
}

void folder_remove_sockets(const char *path)
{
    const char *name;
    char why[WHY];
    int dir = folder_find(path, &name, why);
    int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    close_fd(&dir);
    if (list == NULL) {
        close_fd(&fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;)
        remove_socket(dirfd(list), e->d_name);
    closedir(list);
}
