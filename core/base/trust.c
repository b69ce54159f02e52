/* base/trust.c - a walk from the root, with a descriptor at each step
 *
 * Links are followed by hand, each as text that goes before the rest of the path. What cannot be
 * had (it is not there, it may not be entered) is the system's own errno: whoever uses the path
 * would get that one, too.
 */
#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

enum { LINKS_MAX = 40 }; /* as the kernel has it */

struct walk {
    const struct trust *t;
    struct trust_fault *f;   /* `where`: as far as we have come */
    int at;                  /* that folder */
    char rest[2 * PATH_MAX]; /* what is still to be walked */
    unsigned links;
};

/* --- one of the way --- */

static bool trusted(const struct trust *t, uid_t uid)
{
    return uid == 0 || uid == t->users[0] || uid == t->users[1];
}

/* More may be in such a list than the file's bits say. */
static bool has_list(int fd)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return getxattr(path, "system.posix_acl_access", NULL, 0) >= 0 ||
           (errno != ENODATA && errno != ENOTSUP);
}

static bool own_group(const struct trust *t, uid_t uid, gid_t gid)
{
    char one[32];

    (void)snprintf(one, sizeof one, " %u:%u ", (unsigned)uid, (unsigned)gid);
    return (t->own_groups != NULL && strstr(t->own_groups, one) != NULL) ||
           (t->own_group != NULL && t->own_group(t->arg, uid, gid));
}

static enum trust_verdict verdict_on(const struct trust *t, int fd, const struct stat *st)
{
    if (!trusted(t, st->st_uid))
        return TRUST_OWNER;
    if (S_ISLNK(st->st_mode) || (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX)))
        return TRUST_GOOD;
    if (st->st_mode & S_IWOTH)
        return TRUST_ALL;
    if (!(st->st_mode & S_IWGRP) || (own_group(t, st->st_uid, st->st_gid) && !has_list(fd)))
        return TRUST_GOOD;
    return TRUST_GROUP;
}

static bool look_at(struct walk *w, int fd, struct stat *st)
{
    if (fstat(fd, st) < 0) {
        w->f->verdict = TRUST_ERROR;
        return false;
    }
    w->f->verdict = verdict_on(w->t, fd, st);
    w->f->uid = st->st_uid;
    w->f->link = S_ISLNK(st->st_mode);
    return w->f->verdict == TRUST_GOOD;
}

/* --- the way --- */

static bool walk_failed(struct walk *w, int error)
{
    w->f->verdict = TRUST_ERROR;
    errno = error;
    return false;
}

/* Takes the next name off the rest: "" when there is none. */
static void next_name(struct walk *w, char name[NAME_MAX + 2])
{
    const char *s = w->rest + strspn(w->rest, "/");
    size_t n = strcspn(s, "/"),
           used = n <= NAME_MAX ? n : NAME_MAX + 1; /* too long stays too long */

    memcpy(name, s, used);
    name[used] = 0;
    s += n;
    memmove(w->rest, s, strlen(s) + 1);
}

static bool is_last(const struct walk *w)
{
    return w->rest[strspn(w->rest, "/")] == 0;
}

/* The same steps in `where`. Too long a path is only shown short. */
static void note(struct walk *w, const char *name)
{
    char *where = w->f->where, *slash = strrchr(where, '/');
    size_t n = strlen(where);

    if (strcmp(name, "..") != 0)
        (void)snprintf(where + n, sizeof w->f->where - n, "%s%s", n == 1 ? "" : "/", name);
    else if (slash != NULL)
        slash[slash == where] = 0;
}

static bool begin_at_root(struct walk *w)
{
    struct stat st;

    fd_close(&w->at);
    memcpy(w->f->where, "/", 2);
    w->f->last = is_last(w);
    w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return w->at >= 0 ? look_at(w, w->at, &st) : walk_failed(w, errno);
}

/* What a link says goes before the rest. */
static bool follow_link(struct walk *w, int link)
{
    char text[PATH_MAX], rest[sizeof w->rest];
    ssize_t n = readlinkat(link, "", text, sizeof text - 1);

    if (n <= 0 || ++w->links > LINKS_MAX)
        return walk_failed(w, n < 0 ? errno : ELOOP);
    text[n] = 0;
    if ((size_t)snprintf(rest, sizeof rest, "%s/%s", text, w->rest) >= sizeof rest)
        return walk_failed(w, ENAMETOOLONG);
    memcpy(w->rest, rest, sizeof rest);
    if (*text == '/')
        return begin_at_root(w);
    note(w, "..");
    return true;
}

/* First as a folder: that also makes an automounter put something there. */
static int open_next(const struct walk *w, const char *name)
{
    int fd = openat(w->at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd;
}

/* One name further. False at a fault, and with *end at the end: `name` is the last one. */
static bool go(struct walk *w, char name[NAME_MAX + 2], bool *end)
{
    struct stat st;
    bool good;
    int fd;

    next_name(w, name);
    if (*name == 0 || strcmp(name, ".") == 0) {
        *end = is_last(w);
        memcpy(name, ".", 2);
        return true;
    }
    note(w, name);
    w->f->last = is_last(w);
    fd = open_next(w, name);
    if (fd < 0)
        return walk_failed(w, errno);
    good = look_at(w, fd, &st);
    if (good && S_ISLNK(st.st_mode)) {
        good = follow_link(w, fd);
    } else if (good && S_ISDIR(st.st_mode)) {
        fd_close(&w->at);
        w->at = fd;
        fd = -1;
        *end = is_last(w);
        memcpy(name, ".", 2);
    } else if (good) {
        *end = is_last(w);
        good = *end || walk_failed(w, ENOTDIR);
    }
    fd_close(&fd);
    return good;
}

/* The last one again, to be read: it may be another by now, of somebody who is trusted. */
static int open_last(struct walk *w, const char *name, int flags)
{
    int fd = openat(w->at, name, flags | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        w->f->verdict = TRUST_ERROR;
    else if (!look_at(w, fd, &st))
        fd_close(&fd);
    return fd;
}

int trust_open(const struct trust *t, const char *path, int flags, struct trust_fault *f)
{
    struct walk w = {.t = t, .f = f, .at = -1};
    char name[NAME_MAX + 2] = ".";
    bool end = false, good;
    int fd = -1;

    f->verdict = TRUST_GOOD;
    f->link = f->last = false;
    memcpy(f->where, "/", 2);
    if (*path != '/' || strlen(path) >= PATH_MAX) {
        (void)walk_failed(&w, *path != '/' ? EINVAL : ENAMETOOLONG);
        return -1;
    }
    memcpy(w.rest, path, strlen(path) + 1);
    good = begin_at_root(&w);
    while (good && !end)
        good = go(&w, name, &end);
    if (good)
        fd = open_last(&w, name, flags);
    fd_close(&w.at);
    return fd;
}

enum trust_verdict trust_look(const struct trust *t, const char *path, struct trust_fault *f)
{
    int fd = trust_open(t, path, O_PATH, f);

    fd_close(&fd);
    return f->verdict;
}

void trust_describe(const struct trust_fault *f, const char *path, struct why *why)
{
    bool itself = strcmp(f->where, path) == 0;
    const char *through = itself ? "" : "goes through ", *which = itself ? "" : ", which ";

    if (f->link)
        why_set(why, "%s%s%sis a link of user %u's, which may lead anywhere: remove it", through,
                itself ? "" : f->where, which, (unsigned)f->uid);
    else if (f->verdict == TRUST_OWNER)
        why_set(why, "%s%s%sbelongs to user %u, who could alter it: chown it to root", through,
                itself ? "" : f->where, which, (unsigned)f->uid);
    else
        why_set(why, "%s%s%scan be altered by %s: chmod go-w it", through, itself ? "" : f->where,
                which, f->verdict == TRUST_ALL ? "everybody" : "its group");
}
