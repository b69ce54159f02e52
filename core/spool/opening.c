/* spool/opening.c - the one writer of a spool: its folder, its lock, and where it goes on
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
#include "spool/cursor.h"
#include "spool/rights.h"
#include "spool/segment.h"
#include "spool/tail.h"
#include "spool/writer.h"

enum {
    WHY = 256,
    LATER_RECORD = 32 /* bytes of a record in whatever format comes, at least */
};

static int make_folder(const char *path, mode_t mode, char why[WHY])
{
    if (mkdir(path, mode) == 0 || errno == EEXIST)
        return 0;
    snprintf(why, WHY, "cannot be created: %.150s: %m", path);
    return -1;
}

/* "a/b/c": whatever of it is missing. The first that cannot be made has the reason. */
static int make_path(const char *dir, char why[WHY])
{
    char path[PATH_MAX];

    if ((size_t)snprintf(path, sizeof path, "%s", dir) >= sizeof path) {
        snprintf(why, WHY, "cannot be created: its path is too long");
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

static int open_dir(const char *dir, char why[WHY])
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT) {
        if (make_path(dir, why) < 0)
            return -1;
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0)
        snprintf(why, WHY, "cannot be opened or created: %m");
    return fd;
}

static bool take_lock(struct append *a, char why[WHY])
{
    pid_t holder;

    a->lock = openat(a->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, SPOOL_FILE);
    if (a->lock < 0) {
        snprintf(why, WHY, "its lock file cannot be opened: %m");
        return false;
    }
    if (fd_lock(a->lock) == 0)
        return true;
    if (errno != EAGAIN)
        snprintf(why, WHY, "cannot be locked: %m");
    else if ((holder = fd_lock_holder(a->lock)) > 0)
        snprintf(why, WHY, "is in use by process %ld", (long)holder);
    else
        snprintf(why, WHY, "is in use by another process");
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

    if (!dir) {
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

bool append_reserve(struct append *a)
{
    struct held *p;
    size_t want = a->cap ? a->cap * 2 : 32;

    if (a->n < a->cap)
        return true;
    if (!(p = reallocarray(a->held, want, sizeof *p)))
        return false;
    a->held = p;
    a->cap = want;
    return true;
}

/* Size and age of one, its header's word for the age if it has one. An unreadable file is held too:
 * it takes up room and retention will get to it. */
static bool hold(struct append *a, uint64_t first_seq)
{
    struct segment_header h = {0};
    struct held s = {.first_seq = first_seq};
    enum segment_state state;
    struct stat st;
    int fd;

    if (!append_reserve(a))
        return false;
    if ((fd = segment_open(a->dirfd, first_seq, &h, &state)) >= 0 && fstat(fd, &st) == 0) {
        s.bytes = (uint64_t)st.st_size;
        s.created_ns = state == SEGMENT_GOOD ? h.created_ns : clock_ns(st.st_mtim);
    }
    fd_close(&fd);
    if ((s.later = state == SEGMENT_LATER))
        log_warn("spool: segment %llu was written by a later Garnet: it is left as it is, and what "
                 "is in it counts as damaged",
                 (unsigned long long)first_seq);
    a->held[a->n++] = s;
    a->bytes += s.bytes;
    return true;
}

static bool hold_all(struct append *a)
{
    struct segment_list l;
    size_t i = 0;

    if (segment_list(a->dirfd, &l) < 0)
        return false;
    while (i < l.n && hold(a, l.first_seq[i]))
        i++;
    bool all = i == l.n;
    segment_list_free(&l);
    if (!all)
        errno = ENOMEM;
    return all;
}

static void at_least(struct append *a, uint64_t seq)
{
    if (seq > a->next_seq)
        a->next_seq = seq;
}

/* Reads the newest segment to its end. Damage or a bad sector in it is no reason not to start. */
static bool read_newest(struct append *a)
{
    const struct held *newest;
    struct tail_frame f;
    enum tail_result r;
    struct tail *t;
    int e;

    if (a->n == 0)
        return true;
    newest = &a->held[a->n - 1];
    at_least(a, newest->first_seq + (newest->later ? 1 + newest->bytes / LATER_RECORD : 0));
    if (!(t = tail_open(a->dirfd, a->next_seq)))
        return false;
    do
        r = tail_next(t, &f);
    while (r == TAIL_FRAME || r == TAIL_LOST);
    e = errno;
    at_least(a, tail_seen(t));
    tail_close(t);
    errno = e;
    return r != TAIL_ERROR;
}

struct heed {
    struct append *a;
    int error;
};

/* A cursor that is lost or damaged tells nothing; one that cannot be read just now might. */
static void heed_cursor(struct heed *h, const char *name)
{
    struct cursor_state s;
    bool there = cursor_read(h->a->dirfd, name, &s) == 0;

    if (there && cursor_believed(&s, h->a->next_seq))
        at_least(h->a, s.position);
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
static bool heed_cursors(struct append *a)
{
    struct heed h = {.a = a};
    int fd = openat(a->dirfd, "cursors", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *d;
    int e = dir ? 0 : errno;

    while (dir && (errno = 0, d = readdir(dir)) != NULL)
        if (d->d_name[0] != '.')
            heed_cursor(&h, d->d_name);
    if (dir) {
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

static bool setup(struct append *a, const char *dir, char why[WHY])
{
    if ((a->dirfd = open_dir(dir, why)) < 0 || !rights_tighten(a->dirfd, why) || !take_lock(a, why))
        return false;
    sweep(a->dirfd);
    if (hold_all(a) && read_newest(a) && heed_cursors(a))
        return true;
    snprintf(why, WHY, "cannot be read: %m");
    return false;
}

struct append *append_open(const struct append_config *c, char why[WHY])
{
    struct append *a = calloc(1, sizeof *a);

    if (!a) {
        snprintf(why, WHY, "cannot be used: out of memory");
        return NULL;
    }
    a->segment_size = c->segment_size;
    a->max_size = c->max_size;
    a->max_age = c->max_age;
    a->dirfd = a->lock = a->fd = -1;
    if (!setup(a, c->dir, why)) {
        append_close(a);
        return NULL;
    }
    return a;
}

void append_close(struct append *a)
{
    if (!a)
        return;
    fd_close(&a->fd);
    fd_close(&a->lock);
    fd_close(&a->dirfd);
    free(a->held);
    free(a);
}

/* ---- a folder that is taken away ---- */

/* Nothing but "not there" says that it is gone: other errors may pass. */
static bool same_folder(const struct append *a, const char *dir)
{
    struct stat mine, there;

    if (fstat(a->dirfd, &mine) < 0)
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

    return fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0;
}

bool append_there(struct append *a, const char *dir)
{
    if (unlinked(a->fd))
        fd_close(&a->fd);
    return a->lock >= 0 && same_folder(a, dir) && !unlinked(a->lock);
}

/* The old lock goes first: should its file be the new one after all, its close would take ours
 * along. */
bool append_reopen(struct append *a, const char *dir, char why[WHY])
{
    struct append b = {.segment_size = a->segment_size,
                       .max_size = a->max_size,
                       .max_age = a->max_age,
                       .dirfd = -1,
                       .lock = -1,
                       .fd = -1,
                       .next_seq = a->next_seq};

    fd_close(&a->fd);
    fd_close(&a->lock);
    bool good = setup(&b, dir, why);
    if (good && dup3(b.dirfd, a->dirfd, O_CLOEXEC) < 0) {
        snprintf(why, WHY, "cannot be opened: %m");
        good = false;
    }
    if (!good) {
        fd_close(&b.lock);
        fd_close(&b.dirfd);
        free(b.held);
        return false;
    }
    fd_close(&b.dirfd);
    b.dirfd = a->dirfd;
    free(a->held);
    *a = b;
    return true;
}
