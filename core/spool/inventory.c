/* spool/inventory.c - what the writer finds at the start
 *
 * Opening reads the newest segment as any reader does, to learn the next sequence number, and takes
 * the cursors into account: after a power failure a reader may have come further than the disk.
 * What may pass (no descriptor, no memory) is a reason not to start, for then it is not known which
 * numbers are free.
 *
 * The lock is a POSIX record lock: a forked helper does not inherit it, and the kernel knows its
 * holder. It goes with the first close of ANY descriptor of "lock" in this process: nobody else may
 * open that file.
 *
 * Metrics may be confidential. And whoever may read a file may also lock it: with "lock" locked garnetd
 * does not start, with a cursor locked its sink stands still. So everything in the spool is made 0600
 * and 0700, whatever the umask, before anything in it is locked. What cannot be changed is logged: a
 * spool that is too open still works. A file is opened only when its mode is too wide, and without
 * following a link.
 */
#include "spool/inventory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "spool/cursor.h"
#include "spool/opener.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    OTHERS = 077,      /* in a mode */
    LATER_RECORD = 32, /* bytes of a record in whatever format comes, at least */
    MORE = 32,         /* segments that there is room for at first, besides those that there are */
};

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcmp(name + n - m, end) == 0;
}

/* --- the folder --- */

static int make_folder(const char *path, mode_t mode, struct why *why)
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    why_set(why, "cannot be created: %.150s: %m", path);
    return -1;
}

/* "a/b/c": whatever of it is missing. The first that cannot be made has the reason. */
static int make_path(const char *dir, struct why *why)
{
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path) {
        why_set(why, "cannot be created: its path is too long");
        return -1;
    }
    for (char *p = path + 1; *path && *p; p++)
        if (*p == '/') {
            *p = '\0';
            if (make_folder(path, 0750, why) < 0)
                return -1;
            *p = '/';
        }
    return make_folder(path, SPOOL_FOLDER, why);
}

static int open_dir(const char *dir, struct why *why)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        if (make_path(dir, why) < 0)
            return -1;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        why_set(why, "cannot be opened or created: %m");
    return fd;
}

/* --- who may read, lock and write it --- */

static bool too_wide(const struct stat *st)
{
    return (st->st_mode & OTHERS) != 0;
}

static void tighten(int fd, const char *what)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && too_wide(&st) && fchmod(fd, st.st_mode & 0700) < 0)
        log_warn("spool: %s is open to others than garnetd's user, and that cannot be changed: %m; "
                 "`chmod go=` it as its owner, or give it to the user that garnetd runs as",
                 what);
}

static void tighten_file(int dirfd, const char *name)
{
    struct stat st;
    int fd;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
        !too_wide(&st))
        return;
    fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        log_warn("spool: %s is open to others than garnetd's user, and cannot be opened: %m", name);
    else
        tighten(fd, name);
    fd_close(&fd);
}

static DIR *list_files(int dirfd, const char *name)
{
    return fd_list(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* "cursors" and "quarantine": all in there is ours. */
static void tighten_folder(int parent, const char *name)
{
    DIR *dir = list_files(parent, name);
    struct dirent *d;

    if (dir == NULL)
        return;
    tighten(dirfd(dir), name);
    while ((d = readdir(dir)) != NULL)
        tighten_file(dirfd(dir), d->d_name);
    closedir(dir);
}

static bool file_of_ours(const char *name)
{
    return strcmp(name, "lock") == 0 || strcmp(name, "sinks") == 0 || strcmp(name, "slots") == 0 ||
           ends_with(name, ".seg") || (name[0] == '.' && ends_with(name, ".tmp"));
}

static bool folder_of_ours(const char *name)
{
    return strcmp(name, "cursors") == 0 || strcmp(name, "quarantine") == 0;
}

/* What is there in every folder, or in every file system's first. */
static bool nobodys(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "lost+found") == 0;
}

/* Everything in it; a name in there that is not ours into other[], "" for none. */
static void tighten_all(DIR *dir, char other[NAME_MAX + 1])
{
    struct dirent *d;

    other[0] = '\0';
    while ((d = readdir(dir)) != NULL)
        if (file_of_ours(d->d_name))
            tighten_file(dirfd(dir), d->d_name);
        else if (folder_of_ours(d->d_name))
            tighten_folder(dirfd(dir), d->d_name);
        else if (!nobodys(d->d_name))
            (void)snprintf(other, NAME_MAX + 1, "%s", d->d_name);
}

/* Takes from all others what an older garnetd, or somebody by hand, has given them: from the folder,
 * and from everything of ours in it. A folder in which there are files of somebody else's keeps its
 * mode. False for a folder that everybody may write to, such as /tmp itself. */
static bool tighten_rights(int dirfd, struct why *why)
{
    char other[NAME_MAX + 1] = "";
    struct stat st;
    DIR *dir;

    if (fstat(dirfd, &st) < 0)
        return why_set(why, "cannot be looked at: %m");
    if ((st.st_mode & S_ISVTX) != 0 && (st.st_mode & S_IWOTH) != 0)
        return why_set(why, "is a folder that everybody may write to: write the name of a "
                            "folder in it, which garnetd then makes");
    if ((dir = list_files(dirfd, ".")) == NULL)
        return true; /* who cannot list it finds out soon enough */
    tighten_all(dir, other);
    closedir(dir);
    if (other[0] == '\0')
        tighten(dirfd, "the folder");
    else if (too_wide(&st))
        log_warn("spool: others than garnetd's user may look into the folder, and that is left as "
                 "it is because of what else is in there, \"%s\" for one: give the spool a folder "
                 "of its own",
                 other);
    return true;
}

/* --- the lock, and what was left --- */

static bool take_lock(struct inventory *v, struct why *why)
{
    pid_t holder;

    v->lock = openat(v->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, SPOOL_FILE);
    if (v->lock < 0)
        return why_set(why, "its lock file cannot be opened: %m");
    if (fd_lock(v->lock) == 0)
        return true;
    if (errno != EAGAIN)
        why_set(why, "cannot be locked: %m");
    else if ((holder = fd_lock_holder(v->lock)) > 0)
        why_set(why, "is in use by process %ld", (long)holder);
    else
        why_set(why, "is in use by another process");
    return false;
}

/* What a creation that was cut short left behind. Best effort: a temporary name is in nobody's way. */
static void sweep(int dirfd)
{
    DIR *list = list_files(dirfd, ".");
    struct dirent *d;

    while (list != NULL && (d = readdir(list)) != NULL)
        if (d->d_name[0] == '.' && ends_with(d->d_name + 1, ".seg.tmp"))
            unlinkat(dirfd, d->d_name, 0);
    if (list != NULL)
        closedir(list);
}

/* --- its segments --- */

/* Size and age of one, its header's word for the age if it has one. An unreadable file is held too:
 * it takes up room and retention will get to it. */
static void hold_segment(struct inventory *v, uint64_t first_seq)
{
    struct segment_header h = {0};
    struct held_segment s = {.first_seq = first_seq};
    enum segment_state state;
    struct stat st;
    int fd = segment_open(v->dirfd, first_seq, &h, &state);

    if (fd >= 0 && fstat(fd, &st) == 0) {
        s.bytes = (uint64_t)st.st_size;
        s.created_ns = state == SEGMENT_GOOD ? h.created_ns : clock_ns(st.st_mtim);
    }
    fd_close(&fd);
    if ((s.later = state == SEGMENT_LATER))
        log_warn("spool: segment %llu was written by a later Garnet: it is left as it is, and what "
                 "is in it counts as damaged",
                 (unsigned long long)first_seq);
    v->held[v->n++] = s;
    v->bytes += s.bytes;
}

static bool hold_all(struct inventory *v)
{
    struct segment_list l;

    if (segment_list(v->dirfd, &l) < 0)
        return false;
    v->cap = l.n + MORE;
    v->held = calloc(v->cap, sizeof *v->held);
    for (size_t i = 0; v->held != NULL && i < l.n; i++)
        hold_segment(v, l.first_seq[i]);
    segment_list_free(&l);
    if (v->held == NULL)
        errno = ENOMEM;
    return v->held != NULL;
}

/* --- the next number --- */

static void at_least(struct inventory *v, uint64_t seq)
{
    if (seq > v->next_seq)
        v->next_seq = seq;
}

/* Reads the newest segment to its end. Damage or a bad sector in it is no reason not to start. */
static bool read_newest(struct inventory *v)
{
    const struct held_segment *newest;
    struct tail_frame f;
    enum tail_result r;
    struct tail *t;
    int e;

    if (v->n == 0)
        return true;
    newest = &v->held[v->n - 1];
    at_least(v, newest->first_seq + (newest->later ? 1 + newest->bytes / LATER_RECORD : 0));
    if ((t = tail_open(v->dirfd, v->next_seq)) == NULL)
        return false;
    do
        r = tail_next(t, &f);
    while (r == TAIL_FRAME || r == TAIL_LOST);
    e = errno;
    at_least(v, tail_seen(t));
    tail_close(t);
    errno = e;
    return r != TAIL_ERROR;
}

/* A cursor that is lost or damaged tells nothing; one that cannot be read just now might: that errno. */
static int heed_cursor(struct inventory *v, const char *name)
{
    struct cursor_state s;
    int e = cursor_read(v->dirfd, name, &s) == 0 ? 0 : errno;

    if (e == 0 && cursor_believed(&s, v->next_seq))
        at_least(v, s.position);
    else if (e == 0)
        log_warn(
            "spool: the cursor of sink %s is damaged: it claims to be at %llu, and nothing else "
            "in the spool is anywhere near",
            name, (unsigned long long)s.position);
    else if (!cursor_passing(e) && e != ENOENT && e != EBADMSG)
        log_warn("spool: the cursor of sink %s cannot be read: %m", name);
    return cursor_passing(e) ? e : 0;
}

/* Every cursor in the folder, listed or not: a power failure may leave the list without the sink
 * and the cursor ahead of the segments, and then its numbers must not be given again. */
static bool heed_cursors(struct inventory *v)
{
    DIR *list = fd_list(openat(v->dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *d;
    int passing = 0, e = errno;

    while (list != NULL && (errno = 0, d = readdir(list)) != NULL)
        if (d->d_name[0] != '.' && (e = heed_cursor(v, d->d_name)) != 0)
            passing = e;
    if (list != NULL) {
        e = errno;
        closedir(list);
    }
    if (cursor_passing(e))
        passing = e;
    errno = e;
    if (e != 0 && e != ENOENT && passing == 0)
        log_warn("spool: the folder of cursors cannot be read: %m");
    errno = passing;
    return passing == 0;
}

bool inventory_open(struct inventory *v, const char *dir, struct why *why)
{
    if ((v->dirfd = open_dir(dir, why)) < 0 || !tighten_rights(v->dirfd, why) || !take_lock(v, why))
        return false;
    sweep(v->dirfd);
    if (hold_all(v) && read_newest(v) && heed_cursors(v))
        return true;
    return why_set(why, "cannot be read: %m");
}

static bool remove_segment(struct inventory *v, const struct held_segment *s)
{
    char name[SEGMENT_NAME];

    segment_name(name, s->first_seq);
    if (unlinkat(v->dirfd, name, 0) < 0 && errno != ENOENT) {
        if (!v->stuck)
            log_warn("spool: segment %s cannot be removed, and is tried again: %m%s", name,
                     errno == EISDIR ? "; remove it" : "");
        v->stuck = true;
        return false;
    }
    v->bytes -= s->bytes;
    return true;
}

void inventory_remove(struct inventory *v, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!remove_segment(v, &v->held[i]))
            v->held[kept++] = v->held[i];
    v->stuck = kept > 0;
    v->n -= n - kept;
    memmove(v->held + kept, v->held + n, (v->n - kept) * sizeof *v->held);
}

void inventory_close(struct inventory *v)
{
    fd_close(&v->lock);
    fd_close(&v->dirfd);
    free(v->held);
    *v = (struct inventory){.dirfd = -1, .lock = -1};
}
