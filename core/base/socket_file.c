/* base/socket_file.c - a folder that is looked at before it is used, and what is made in it
 *
 * bind() alone takes a path: so the socket is then looked for in the folder that was checked, and
 * everything else is done there. What stands in the way and is no socket is never removed.
 *
 * The lock is a POSIX record lock: it dies with its process, is not inherited by forks, and names its
 * holder. Taking it twice in one process is not noticed, and closing any descriptor of the file would
 * release it: nobody else opens it.
 */
#include "base/socket_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fdpass.h"
#include "base/trust.h"

/* --- whose it is --- */

static void tell_writable(const char *where, bool everybody, struct why *why)
{
    if (everybody)
        why_set(why,
                "everybody may write to the folder %.70s, and replace the socket: put it "
                "into a folder of its own, such as %.70s/garnet",
                where, where);
    else
        why_set(why,
                "a group may write to the folder %.120s, and replace the socket: "
                "chmod g-w it",
                where);
}

static void explain_distrust(const struct trust_fault *f, struct why *why)
{
    bool everybody = f->verdict == TRUST_ALL;

    if (f->link)
        why_set(why, "%.120s is a link of user %ld's, which may lead anywhere: remove it", f->where,
                (long)f->uid);
    else if (f->verdict == TRUST_OWNER)
        why_set(why,
                "the folder %.110s belongs to user %ld, who could replace the socket: give "
                "it to user %ld, or choose another",
                f->where, (long)f->uid, (long)geteuid());
    else if (f->last)
        tell_writable(f->where, everybody, why);
    else
        why_set(why, "%s may replace what is in %.120s: chmod %s-w it, or choose another path",
                everybody ? "everybody" : "a group", f->where, everybody ? "o" : "g");
}

/* In the folder itself nobody else may make a file, be it sticky, or of a group of its owner's own:
 * no more is needed, and a socket's name in it is then ours. */
static bool ours_alone(int fd, const char *where, struct why *why)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return why_set(why, "cannot look at the folder %.150s: %m", where);
    if ((st.st_mode & (S_IWOTH | S_IWGRP)) == 0)
        return true;
    tell_writable(where, (st.st_mode & S_IWOTH) != 0, why);
    return false;
}

/* --- the way there --- */

static int open_folder(const char *folder, const char *own_groups, struct trust_fault *f)
{
    const struct trust t = {.users = {geteuid(), (uid_t)-1}, .own_groups = own_groups};

    return trust_open(&t, folder, O_PATH | O_DIRECTORY, f);
}

/* Who may connect is for the socket to say, so the folder lets everybody pass, whatever our umask. */
static int make_in(int dir, const char *name)
{
    mode_t keep = umask(022);
    int r = mkdirat(dir, name, 0755);

    (void)umask(keep);
    return r < 0 && errno != EEXIST ? -1 : 0;
}

/* Its last part, where all before that is there and nobody else's, and then opens it. */
static int make_missing(const char *folder, const char *own_groups, struct trust_fault *f)
{
    char parent[PATH_MAX], *slash;
    size_t n = strlen(folder);
    int dir, r;

    while (n > 1 && folder[n - 1] == '/')
        n--;
    (void)snprintf(parent, sizeof parent, "%.*s", (int)n, folder);
    slash = strrchr(parent, '/');
    *slash = 0;
    dir = open_folder(slash > parent ? parent : "/", own_groups, f);
    if (dir < 0)
        return -1;
    r = make_in(dir, slash + 1);
    fd_close(&dir);
    if (r == 0)
        return open_folder(folder, own_groups, f);
    f->verdict = TRUST_ERROR;
    return -1;
}

static void tell_error(const char *folder, bool make, const struct trust_fault *f, struct why *why)
{
    const char *what = make ? "make" : "find";

    if (f->last)
        why_set(why, "cannot %s the folder %.150s: %m", what, folder);
    else
        why_set(why, "cannot %s the folder %.100s: %.80s: %m", what, folder, f->where);
}

int folder_open(const char *path, const char *own_groups, bool make, const char **name,
                struct why *why)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    char folder[PATH_MAX];
    struct trust_fault f;
    int fd;

    *name = path + n;
    if (*path != '/' || n >= sizeof folder || **name == '\0') {
        why_set(why, "%.150s is not the path of a socket", path);
        return -1;
    }
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(n > 1 ? n - 1 : n), path);
    fd = open_folder(folder, own_groups, &f);
    if (fd < 0 && f.verdict == TRUST_ERROR && errno == ENOENT && f.last && make)
        fd = make_missing(folder, own_groups, &f);
    if (fd < 0 && f.verdict == TRUST_ERROR)
        tell_error(folder, make, &f, why);
    else if (fd < 0)
        explain_distrust(&f, why);
    else if (!ours_alone(fd, f.where, why))
        fd_close(&fd);
    return fd;
}

/* --- the lock --- */

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
    int dir = folder_open(path, own_groups, true, &name, why), fd;

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
        why_set(why, "cannot open %.150s.lock: %m", path);
        return -1;
    }
    if (fd_lock(fd) == 0)
        return fd;
    if (errno == EAGAIN)
        name_holder(fd, path, why);
    else
        why_set(why, "cannot lock %.150s.lock: %m", path);
    fd_close(&fd);
    return -1;
}

/* --- making the socket --- */

static bool fill_address(struct sockaddr_un *sa, const char *path, struct why *why)
{
    size_t n = strlen(path);

    *sa = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n == 0 || n >= sizeof sa->sun_path)
        return why_set(why, "%.140s: the path of a socket has 1 to %zu bytes, not %zu", path,
                       sizeof sa->sun_path - 1, n);
    memcpy(sa->sun_path, path, n);
    return true;
}

/* The caller holds the lock, so a socket that is there belongs to nobody any more. */
static bool remove_stale(int dir, const char *name, const char *path, struct why *why)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || why_set(why, "cannot look at %s: %m", path);
    if (!S_ISSOCK(st.st_mode))
        return why_set(why, "%s is there and is not a socket: remove it, or choose another path",
                       path);
    return unlinkat(dir, name, 0) == 0 || why_set(why, "cannot remove the old socket %s: %m", path);
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
static bool open_socket_up(int fd, const struct socket_config *c, int dir, const char *name,
                           struct why *why)
{
    if (fchmodat(dir, name, c->mode, 0) < 0) /* in that folder nobody makes it a link */
        return why_set(why, "cannot set the mode of %s: %m", c->path);
    if ((c->uid != (uid_t)-1 || c->group != (gid_t)-1) &&
        fchownat(dir, name, c->uid, c->group, AT_SYMLINK_NOFOLLOW) < 0)
        return why_set(why, "cannot set the %s of %s: %m", c->uid != (uid_t)-1 ? "owner" : "group",
                       c->path);
    return listen(fd, SOCKET_BACKLOG) == 0 || why_set(why, "cannot listen on %s: %m", c->path);
}

static int listen_in(int dir, const char *name, const struct socket_config *c, struct why *why)
{
    struct sockaddr_un sa;
    int fd;

    if (!fill_address(&sa, c->path, why) || !remove_stale(dir, name, c->path, why))
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !bind_private(fd, &sa, dir, name)) {
        why_set(why, "cannot make the socket %s: %m", c->path);
        fd_close(&fd);
        return -1;
    }
    fdpass_refuse(fd);
    if (open_socket_up(fd, c, dir, name, why))
        return fd;
    (void)unlinkat(dir, name, 0);
    fd_close(&fd);
    return -1;
}

int socket_listen(const struct socket_config *c, struct why *why)
{
    const char *name;
    int dir = folder_open(c->path, c->own_groups, true, &name, why);
    int fd = dir < 0 ? -1 : listen_in(dir, name, c, why);

    fd_close(&dir);
    return fd;
}

/* --- removal --- */

static void remove_socket(int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        (void)unlinkat(dir, name, 0);
}

void socket_remove(const char *path, const char *own_groups)
{
    const char *name;
    struct why why;
    int dir = folder_open(path, own_groups, false, &name, &why);

    if (dir >= 0)
        remove_socket(dir, name);
    fd_close(&dir);
}

void socket_remove_all(const char *path, const char *own_groups)
{
    const char *name;
    struct why why;
    int dir = folder_open(path, own_groups, false, &name, &why);
    DIR *list = fd_list(dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    fd_close(&dir);
    if (list == NULL)
        return;
    for (const struct dirent *e; (e = readdir(list)) != NULL;)
        remove_socket(dirfd(list), e->d_name);
    closedir(list);
}
