/* spool/inventory.c - what the writer finds at the start
 *
 * Opening reads the newest segment as any reader does, to learn the next sequence number, and takes
 * the cursors into account: after a power failure a reader may have come further than the disk.
 * What may pass (no descriptor, no memory) is a reason not to start, for then it is not known which
 * numbers are free.
 *
 * The lock is a POSIX record lock: a forked helper does not inherit it, and the kernel knows its
 * holder. It goes with the first close of ANY descriptor of "lock" in this process: nobody else may
 * open that file. The folder itself has another lock, which the sync helper does inherit, and holds as long as it lives:
 * so it is known whether that of an earlier garnetd may still be at work.
 */
#include "spool/inventory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "spool/cursor.h"
#include "spool/opener.h"
#include "spool/rights.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    LATER_RECORD = 32, /* bytes of a record in whatever format comes, at least */
    MORE = 32,         /* segments that there is room for at first, besides those that there are */
    LITTLE = 1 << 20,  /* bytes on the disk: a frame may be as large */
};

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

/* --- the lock, and what was left --- */

static bool take_lock(struct inventory *v, struct why *why)
{
    pid_t holder;

    v->lock = openat(v->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, SPOOL_FILE);
    if (v->lock < 0)
        return why_set(why, "its lock file cannot be opened: %m");
    if (fd_lock(v->lock) == 0) {
        v->alone = flock(v->dirfd, LOCK_EX | LOCK_NB) == 0;
        (void)flock(v->dirfd, LOCK_SH | LOCK_NB);
        return true;
    }
    if (errno != EAGAIN)
        why_set(why, "cannot be locked: %m");
    else if ((holder = fd_lock_holder(v->lock)) > 0)
        why_set(why, "is in use by process %ld", (long)holder);
    else
        why_set(why, "is in use by another process");
    return false;
}

/* The reserve; and what a creation that was cut short left behind, which is in nobody's way. False: the
 * folder cannot be read. */
static bool sweep(struct inventory *v)
{
    DIR *list = fd_list(openat(v->dirfd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    static const char end[] = ".seg.tmp";
    struct dirent *d;
    int e = errno;

    while (list != NULL && (errno = 0, d = readdir(list)) != NULL) {
        size_t n = strlen(d->d_name);

        if (d->d_name[0] == '.' && n > sizeof end &&
            strcmp(d->d_name + n - (sizeof end - 1), end) == 0 &&
            !reserve_adopt(&v->reserve, v->dirfd, d->d_name))
            unlinkat(v->dirfd, d->d_name, 0);
    }
    if (list != NULL) {
        e = errno;
        closedir(list);
    }
    errno = e;
    return list != NULL && e == 0;
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

/* Where nobody says how much there is, there is enough. */
static bool little_room(int dirfd)
{
    struct statvfs fs;

    return fstatvfs(dirfd, &fs) == 0 && fs.f_blocks > 0 &&
           (uint64_t)fs.f_bavail * fs.f_frsize < LITTLE;
}

/* Free blocks are not all that a file takes: there may be no inode, or no more of a quota. So one is tried, as the next
 * segment would be made. */
static bool no_file(int dirfd)
{
    static const char name[] = ".try.seg.tmp";
    uint8_t bytes[SEGMENT_HEADER] = {0};
    int fd = publish_begin(dirfd, name);
    bool none =
        fd < 0 ? fd_no_room(errno) : fd_write_all(fd, bytes, sizeof bytes) < 0 && fd_no_room(errno);

    if (fd >= 0)
        publish_drop(dirfd, name, &fd);
    return none;
}

/* Reads the newest segment to its end, after which comes *next. Damage or a bad sector in it is no reason not to
 * start. */
static bool read_newest(struct inventory *v, uint64_t *next)
{
    const struct held_segment *newest;
    bool damaged = false;
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
    while ((r = tail_next(t, &f)) == TAIL_FRAME || r == TAIL_LOST)
        damaged = damaged || r == TAIL_LOST;
    e = errno;
    at_least(v, tail_seen(t));
    if (v->cramped && v->alone && !damaged && r == TAIL_WAIT)
        v->whole_end = tail_whole(t, next);
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
    uint64_t next = 0;

    if ((v->dirfd = open_dir(dir, why)) < 0 || !rights_tighten(v->dirfd, why) || !take_lock(v, why))
        return false;
    v->cramped = little_room(v->dirfd);
    if (!sweep(v) || !hold_all(v))
        return why_set(why, "cannot be read: %m");
    v->cramped = v->cramped || (v->n > 0 && no_file(v->dirfd));
    if (!read_newest(v, &next) || !heed_cursors(v))
        return why_set(why, "cannot be read: %m");
    if (next != v->next_seq) /* others have seen more */
        v->whole_end = 0;
    return true;
}

/* Nothing but "not there" says that it is gone: other errors may pass. */
static bool same_folder(int dirfd, const char *dir)
{
    struct stat mine, there;

    if (fstat(dirfd, &mine) < 0)
        return true;
    if (mine.st_nlink == 0)
        return false;
    if (stat(dir, &there) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

bool inventory_there(const struct inventory *v, const char *dir)
{
    return v->lock >= 0 && same_folder(v->dirfd, dir) && !fd_unlinked(v->lock);
}

bool inventory_room(struct inventory *v)
{
    size_t cap = v->cap * 2;
    struct held_segment *held = v->held;

    if (v->n < v->cap)
        return true;
    if ((held = reallocarray(held, cap, sizeof *held)) == NULL)
        return false;
    v->held = held;
    v->cap = cap;
    return true;
}

void inventory_drop_newest(struct inventory *v)
{
    v->bytes -= v->held[--v->n].bytes;
}

void inventory_close(struct inventory *v)
{
    fd_close(&v->lock);
    fd_close(&v->dirfd);
    free(v->held);
    reserve_free(&v->reserve);
    *v = (struct inventory){.dirfd = -1, .lock = -1};
}
