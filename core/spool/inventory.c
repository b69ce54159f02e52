/* spool/inventory.c - the writer's folder: what it finds at the start, what it keeps, what it removes
 *
 * Opening reads the newest segment as any reader does, to learn the next sequence number, and takes
 * the cursors into account: after a power failure a reader may have come further than the disk.
 * Damage is no reason not to start; what may pass (no descriptor, no memory) is, for then it is not
 * known which numbers are free.
 *
 * The lock is a POSIX record lock: a forked helper does not inherit it, and the kernel knows its
 * holder. It goes with the first close of ANY descriptor of "lock" in this process: nobody else may
 * open that file.
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
#include "spool/rights.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    LATER_RECORD = 32 /* bytes of a record in whatever format comes, at least */
};

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

static bool take_lock(struct inventory *v, struct why *why)
{
    pid_t holder;

    v->lock = openat(v->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, SPOOL_FILE);
    if (v->lock < 0) {
        why_set(why, "its lock file cannot be opened: %m");
        return false;
    }
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

/* What a creation that was cut short left behind. Best effort: a temporary name is in nobody's
 * way.
 * */
static void sweep(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;

    if (dir == NULL) {
        fd_close(&fd);
        return;
    }
    while ((d = readdir(dir)) != NULL) {
        size_t n = strlen(d->d_name);
        if (n > 9 && d->d_name[0] == '.' && strcmp(d->d_name + n - 8, ".seg.tmp") == 0)
            unlinkat(dirfd, d->d_name, 0);
    }
    closedir(dir);
}

struct inventory_segment *inventory_newest(const struct inventory *v)
{
    return v->n > 0 ? &v->held[v->n - 1] : NULL;
}

bool inventory_reserve(struct inventory *v)
{
    struct inventory_segment *p;
    size_t want = v->cap > 0 ? v->cap * 2 : 32;

    if (v->n < v->cap)
        return true;
    if ((p = reallocarray(v->held, want, sizeof *p)) == NULL)
        return false;
    v->held = p;
    v->cap = want;
    return true;
}

/* Size and age of one, its header's word for the age if it has one. An unreadable file is held too:
 * it takes up room and retention will get to it. */
static bool hold_segment(struct inventory *v, uint64_t first_seq)
{
    struct segment_header h = {0};
    struct inventory_segment s = {.first_seq = first_seq};
    enum segment_state state;
    struct stat st;
    int fd;

    if (!inventory_reserve(v))
        return false;
    if ((fd = segment_open(v->dirfd, first_seq, &h, &state)) >= 0 && fstat(fd, &st) == 0) {
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
    return true;
}

static bool hold_all(struct inventory *v)
{
    struct segment_list l;
    size_t i = 0;

    if (segment_list(v->dirfd, &l) < 0)
        return false;
    while (i < l.n && hold_segment(v, l.first_seq[i]))
        i++;
    bool all = i == l.n;
    segment_list_free(&l);
    if (!all)
        errno = ENOMEM;
    return all;
}

static void at_least(struct inventory *v, uint64_t seq)
{
    if (seq > v->next_seq)
        v->next_seq = seq;
}

/* Reads the newest segment to its end. Damage or a bad sector in it is no reason not to start. */
static bool read_newest(struct inventory *v)
{
    const struct inventory_segment *newest;
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

struct heed {
    struct inventory *v;
    int error;
};

/* A cursor that is lost or damaged tells nothing; one that cannot be read just now might. */
static void heed_cursor(struct heed *h, const char *name)
{
    struct cursor_state s;
    bool there = cursor_read(h->v->dirfd, name, &s) == 0;

    if (there && cursor_believed(&s, h->v->next_seq))
        at_least(h->v, s.position);
    else if (there)
        log_warn(
            "spool: the cursor of sink %s is damaged: it claims to be at %llu, and nothing else "
            "in the spool is anywhere near",
            name, (unsigned long long)s.position);
    else if (cursor_passing(errno))
        h->error = errno;
    else if (errno != ENOENT && errno != EBADMSG)
        log_warn("spool: the cursor of sink %s cannot be read: %m", name);
}

/* Every cursor in the folder, listed or not: a power failure may leave the list without the sink
 * and the cursor ahead of the segments, and then its numbers must not be given again. */
static bool heed_cursors(struct inventory *v)
{
    struct heed h = {.v = v};
    int fd = openat(v->dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;
    int e = dir != NULL ? 0 : errno;

    while (dir != NULL && (errno = 0, d = readdir(dir)) != NULL)
        if (d->d_name[0] != '.')
            heed_cursor(&h, d->d_name);
    if (dir != NULL) {
        e = errno;
        closedir(dir);
    } else {
        fd_close(&fd);
    }
    if (cursor_passing(e))
        h.error = e;
    errno = e;
    if (e != 0 && e != ENOENT && h.error == 0)
        log_warn("spool: the folder of cursors cannot be read: %m");
    errno = h.error;
    return h.error == 0;
}

bool inventory_open(struct inventory *v, const char *dir, struct why *why)
{
    if ((v->dirfd = open_dir(dir, why)) < 0 || !rights_tighten(v->dirfd, why) || !take_lock(v, why))
        return false;
    sweep(v->dirfd);
    if (hold_all(v) && read_newest(v) && heed_cursors(v))
        return true;
    why_set(why, "cannot be read: %m");
    return false;
}

void inventory_close(struct inventory *v)
{
    fd_close(&v->lock);
    fd_close(&v->dirfd);
    free(v->held);
    *v = (struct inventory){.dirfd = -1, .lock = -1};
}

/* --- a folder that is taken away --- */

/* Nothing but "not there" says that it is gone: other errors may pass. */
static bool same_folder(const struct inventory *v, const char *dir)
{
    struct stat mine, there;

    if (fstat(v->dirfd, &mine) < 0)
        return true;
    if (mine.st_nlink == 0)
        return false;
    if (stat(dir, &there) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

static bool unlinked(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

bool inventory_there(const struct inventory *v, const char *dir)
{
    return v->lock >= 0 && same_folder(v, dir) && !unlinked(v->lock);
}

/* The old lock goes first: should its file be the new one after all, its close would take ours
 * along. */
bool inventory_reopen(struct inventory *v, const char *dir, struct why *why)
{
    struct inventory next = {.dirfd = -1, .lock = -1, .next_seq = v->next_seq};
    bool good;

    fd_close(&v->lock);
    good = inventory_open(&next, dir, why);
    if (good && dup3(next.dirfd, v->dirfd, O_CLOEXEC) < 0) {
        why_set(why, "cannot be opened: %m");
        good = false;
    }
    if (!good) {
        inventory_close(&next);
        return false;
    }
    fd_close(&next.dirfd);
    next.dirfd = v->dirfd;
    free(v->held);
    *v = next;
    return true;
}

/* --- what the writer does --- */

void inventory_add(struct inventory *v, const struct inventory_segment *h)
{
    const struct inventory_segment *newest = inventory_newest(v);

    if (newest != NULL && newest->first_seq == h->first_seq) {
        v->bytes -= newest->bytes;
        v->n--;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): inventory_reserve() has made room */
    v->held[v->n++] = *h;
    v->bytes += h->bytes;
}

void inventory_size(struct inventory *v, uint64_t bytes)
{
    struct inventory_segment *newest = inventory_newest(v);

    v->bytes += bytes - newest->bytes;
    newest->bytes = bytes;
}

/* --- retention --- */

/* A segment is as old as its youngest metric, and that is no older than the next segment. */
static bool over(const struct inventory *v, size_t i, int64_t wall_ns, int64_t max_size,
                 int64_t max_age)
{
    if (max_size > 0 && v->bytes > (uint64_t)max_size)
        return true;
    return max_age > 0 && clock_between(v->held[i + 1].created_ns, wall_ns) > max_age;
}

static bool remove_segment(struct inventory *v, size_t i)
{
    char name[SEGMENT_NAME];

    segment_name(name, v->held[i].first_seq);
    if (unlinkat(v->dirfd, name, 0) < 0 && errno != ENOENT)
        return false; /* the next call tries again */
    v->bytes -= v->held[i].bytes;
    return true;
}

unsigned inventory_retain(struct inventory *v, uint64_t needed, int64_t wall_ns, int64_t max_size,
                          int64_t max_age)
{
    unsigned lost = 0;
    size_t i = 0;

    for (; i + 1 < v->n; i++) {
        bool passed = v->held[i + 1].first_seq <= needed;
        if ((!passed && !over(v, i, wall_ns, max_size, max_age)) || !remove_segment(v, i))
            break;
        lost += !passed;
    }
    if (i > 0) {
        v->n -= i;
        memmove(v->held, v->held + i, v->n * sizeof *v->held);
    }
    return lost;
}

/* First it gets the next one's name, so that whatever comes between leaves the next number in the
 * folder; as no frame in it is valid, it is then replaced. It is not unlinked, since a reader at its
 * end may have it open, and would keep the room taken. What fails is tried again by the next call. */
void inventory_empty_newest(struct inventory *v)
{
    struct inventory_segment *s = inventory_newest(v);
    char name[SEGMENT_NAME], next[SEGMENT_NAME];
    int fd;

    if (s == NULL || s->bytes == 0 || v->next_seq > SEQ_BELIEVED)
        return;
    segment_name(name, s->first_seq);
    segment_name(next, v->next_seq);
    fd = openat(v->dirfd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && renameat(v->dirfd, name, v->dirfd, next) == 0) {
        s->first_seq = v->next_seq;
        if (ftruncate(fd, 0) == 0)
            inventory_size(v, 0);
    }
    fd_close(&fd);
}
