/* intake/folder.c - the folder that a socket and its lock live in
 *
 * Made is one level only: a missing /run/garnet is normal after a reboot, a missing /rnu is a typing
 * error. Fails as its system calls do, and for a folder that others can change, or move away.
 */
#include "intake/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/trust.h"
#include "base/why.h"

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

    if (fstat(fd, &st) < 0) {
        why_set(why, "cannot look at the folder %.150s: %s", where, strerror(errno));
        return false;
    }
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
static int make(const char *folder, const char *own_groups, struct trust_fault *f)
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
    const char *what = make ? "make" : "find", *error = strerror(errno);

    if (f->last)
        why_set(why, "cannot %s the folder %.150s: %s", what, folder, error);
    else
        why_set(why, "cannot %s the folder %.100s: %.80s: %s", what, folder, f->where, error);
}

static int walk_to(const char *path, const char *own_groups, const char **name, bool may_make,
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
    if (fd < 0 && f.verdict == TRUST_ERROR && errno == ENOENT && f.last && may_make)
        fd = make(folder, own_groups, &f);
    if (fd < 0 && f.verdict == TRUST_ERROR)
        tell_error(folder, may_make, &f, why);
    else if (fd < 0)
        explain_distrust(&f, why);
    else if (!ours_alone(fd, f.where, why))
        fd_close(&fd);
    return fd;
}

int folder_make(const char *path, const char *own_groups, const char **name, struct why *why)
{
    return walk_to(path, own_groups, name, true, why);
}

int folder_find(const char *path, const char *own_groups, const char **name, struct why *why)
{
    return walk_to(path, own_groups, name, false, why);
}

/* --- removal --- */

static void remove_socket(int dir, const char *name)
{
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
        (void)unlinkat(dir, name, 0);
}

void folder_remove_socket(const char *path, const char *own_groups)
{
    const char *name;
    struct why why;
    int dir = folder_find(path, own_groups, &name, &why);

    if (dir >= 0)
        remove_socket(dir, name);
    fd_close(&dir);
}

void folder_remove_sockets(const char *path, const char *own_groups)
{
    const char *name;
    struct why why;
    int dir = folder_find(path, own_groups, &name, &why);
    int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);

    fd_close(&dir);
    if (list == NULL) {
        fd_close(&fd);
        return;
    }
    for (const struct dirent *e; (e = readdir(list)) != NULL;)
        remove_socket(dirfd(list), e->d_name);
    closedir(list);
}
