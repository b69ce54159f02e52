/* spool/append.c - the one writer of a spool
 *
 * Opening reads the newest segment as any reader does, to learn the next sequence number, and takes
 * the cursors into account: after a power failure a reader may have come further than the disk. The
 * new segment is made by the first append, so that restarts without traffic leave nothing behind;
 * it appears under its name by rename, header included.
 *
 * An append that fails leaves no frame: the segment is cut back to its last whole frame and given
 * up. Should even the cut fail, a torn frame stays at the end of a segment nobody will append to,
 * and readers step over it without counting anything lost, as the next segment begins with the same
 * number. A segment in which not one frame is valid may stand in the way of a new one of the same
 * name: it is replaced.
 *
 * The lock is a POSIX record lock: a forked helper does not inherit it, and the kernel knows its
 * holder. It goes with the first close of ANY descriptor of "lock" in this process: nobody else may
 * open that file.
 */
#include "spool/append.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/spawn.h"
#include "base/throttle.h"
#include "spool/cursor.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    WHY = 256,
    TEMP_NAME = SEGMENT_NAME + 8,
    LATER_RECORD = 32 /* bytes of a record in whatever format comes, at least */
};

struct held { /* a segment in the folder */
    uint64_t first_seq;
    uint64_t bytes;
    int64_t created_ns;
    bool later; /* in a format that is not known yet */
};

struct append {
    int64_t segment_size, max_size, max_age;
    int dirfd, lock;
    int fd; /* the newest segment, while it may be appended to; -1: the next append starts one */
    uint64_t salt, next_seq;
    struct held *held; /* in order; the last is the newest */
    size_t n, cap;
    uint64_t bytes; /* of all */
};

/* ---- opening ---- */

/* "a/b/c": whatever of it is missing. The open that follows tells of failures. */
static void make_path(const char *dir)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s", dir);

    if (n < 0 || (size_t)n >= sizeof path)
        return;
    for (char *p = path + 1; n > 0 && *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0750);
            *p = '/';
        }
    mkdir(path, 0750);
}

static int open_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    make_path(dir);
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool take_lock(struct append *a, char why[WHY])
{
    struct flock lk = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    a->lock = openat(a->dirfd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (a->lock < 0) {
        snprintf(why, WHY, "its lock file cannot be opened: %m");
        return false;
    }
    if (fcntl(a->lock, F_SETLK, &lk) == 0)
        return true;
    if (errno != EACCES && errno != EAGAIN)
        snprintf(why, WHY, "cannot be locked: %m");
    else if (fcntl(a->lock, F_GETLK, &lk) == 0 && lk.l_type != F_UNLCK)
        snprintf(why, WHY, "is in use by process %ld", (long)lk.l_pid);
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
        close_fd(&fd);
        return;
    }
    while ((d = readdir(dir)) != NULL) {
        size_t n = strlen(d->d_name);
        if (n > 9 && d->d_name[0] == '.' && strcmp(d->d_name + n - 8, ".seg.tmp") == 0)
            unlinkat(dirfd, d->d_name, 0);
    }
    closedir(dir);
}

static bool reserve(struct append *a)
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

    if (!reserve(a))
        return false;
    if ((fd = segment_open(a->dirfd, first_seq, &h, &state)) >= 0 && fstat(fd, &st) == 0) {
        s.bytes = (uint64_t)st.st_size;
        s.created_ns = state == SEGMENT_GOOD ? h.created_ns : st.st_mtim.tv_sec * NS_PER_S;
    }
    close_fd(&fd);
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

/* Of us or the machine, not of the file. */
static bool passing(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == EINTR;
}

/* A cursor that is lost or damaged tells nothing; one that cannot be read just now might. */
static void heed_cursor(struct heed *h, const char *name)
{
    struct cursor_state s;

    if (cursor_read(h->a->dirfd, name, &s) == 0)
        at_least(h->a, s.position);
    else if (passing(errno))
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
        close_fd(&fd);
    }
    if (passing(e))
        h.error = e;
    errno = e;
    if (e != 0 && e != ENOENT && h.error == 0)
        log_warn("spool: the folder of cursors cannot be read: %m");
    errno = h.error;
    return h.error == 0;
}

static bool setup(struct append *a, const char *dir, char why[WHY])
{
    if ((a->dirfd = open_dir(dir)) < 0) {
        snprintf(why, WHY, "cannot be opened or created: %m");
        return false;
    }
    if (!take_lock(a, why))
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
    close_fd(&a->fd);
    close_fd(&a->lock);
    close_fd(&a->dirfd);
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
        close_fd(&a->fd);
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

    close_fd(&a->fd);
    close_fd(&a->lock);
    bool good = setup(&b, dir, why);
    if (good && dup3(b.dirfd, a->dirfd, O_CLOEXEC) < 0) {
        snprintf(why, WHY, "cannot be opened: %m");
        good = false;
    }
    if (!good) {
        close_fd(&b.lock);
        close_fd(&b.dirfd);
        free(b.held);
        return false;
    }
    close_fd(&b.dirfd);
    b.dirfd = a->dirfd;
    free(a->held);
    *a = b;
    return true;
}

int append_dirfd(const struct append *a)
{
    return a->dirfd;
}

uint64_t append_next_seq(const struct append *a)
{
    return a->next_seq;
}

uint64_t append_segment(const struct append *a)
{
    return a->n ? a->held[a->n - 1].first_seq : a->next_seq;
}

void append_seal(struct append *a)
{
    close_fd(&a->fd);
}

void append_configure(struct append *a, int64_t segment_size, int64_t max_size, int64_t max_age)
{
    a->segment_size = segment_size;
    a->max_size = max_size;
    a->max_age = max_age;
}

uint64_t append_bytes(const struct append *a)
{
    return a->bytes;
}

/* ---- appending ---- */

/* All of it, or -1 with errno. One writev as a rule; more only when the kernel takes it in pieces,
 * and then the last one says why. */
static int write_all(int fd, struct iovec *v, int n)
{
    while (n > 0) {
        ssize_t w = writev(fd, v, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        for (; n > 0 && (size_t)w >= v->iov_len; v++, n--)
            w -= (ssize_t)v->iov_len;
        if (n > 0) {
            v->iov_base = (char *)v->iov_base + w;
            v->iov_len -= (size_t)w;
        }
    }
    return 0;
}

/* Writes the header to a file of its own and gives it the segment's name. The descriptor, or -1
 * with errno. If that name is taken, then by a segment without a valid frame: else next_seq would
 * be beyond it. */
static int create(int dirfd, const struct segment_header *h)
{
    char name[SEGMENT_NAME], temp[TEMP_NAME];
    uint8_t head[SEGMENT_HEADER];
    struct iovec v = {head, sizeof head};
    int fd, e;

    segment_name(name, h->first_seq);
    snprintf(temp, sizeof temp, ".%s.tmp", name);
    segment_header_put(head, h);
    unlinkat(dirfd, temp, 0);
    fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0)
        return -1;
    if (write_all(fd, &v, 1) == 0 && renameat(dirfd, temp, dirfd, name) == 0)
        return fd;
    e = errno;
    unlinkat(dirfd, temp, 0);
    close_fd(&fd);
    errno = e;
    return -1;
}

static int start_segment(struct append *a)
{
    struct segment_header h = {a->next_seq, random_u64(), clock_wall()};

    if (!reserve(a)) {
        errno = ENOMEM;
        return -1;
    }
    if ((a->fd = create(a->dirfd, &h)) < 0)
        return -1;
    a->salt = h.salt;
    if (a->n > 0 && a->held[a->n - 1].first_seq == h.first_seq)
        a->bytes -= a->held[--a->n].bytes; /* the one it replaced */
    a->held[a->n++] = (struct held){
        .first_seq = h.first_seq, .bytes = SEGMENT_HEADER, .created_ns = h.created_ns};
    a->bytes += SEGMENT_HEADER;
    return 0;
}

/* Cuts what a failed write left, so that it takes no room on a full disk, and closes the
 * segment.
 * */
static void give_up_segment(struct append *a)
{
    struct held *s = &a->held[a->n - 1];
    struct stat st;
    int e = errno;

    if (ftruncate(a->fd, (off_t)s->bytes) < 0 && fstat(a->fd, &st) == 0) {
        a->bytes += (uint64_t)st.st_size - s->bytes;
        s->bytes = (uint64_t)st.st_size;
    }
    close_fd(&a->fd);
    errno = e;
}

static int put_frame(struct append *a, const void *payload, size_t n, uint32_t count)
{
    static const uint8_t zero[8];
    struct frame_header h = {a->next_seq, count, (uint32_t)n, frame_sum(payload, n, a->salt)};
    uint8_t head[FRAME_HEADER], trailer[FRAME_TRAILER];
    size_t size = frame_size(h.length);
    struct iovec v[4] = {
        {head, sizeof head},
        {(void *)(uintptr_t)payload, n},
        {(void *)(uintptr_t)zero, size - FRAME_HEADER - FRAME_TRAILER - n},
        {trailer, sizeof trailer},
    };

    frame_header_put(head, &h, a->salt);
    frame_trailer_put(trailer, &h, a->salt);
    if (write_all(a->fd, v, 4) < 0)
        return -1;
    a->held[a->n - 1].bytes += size;
    a->bytes += size;
    a->next_seq += count;
    return 0;
}

int append_frame(struct append *a, const void *payload, size_t n, uint32_t count, uint64_t *end)
{
    if (n == 0 || n > FRAME_MAX || count == 0) {
        errno = EINVAL;
        return -1;
    }
    if (count > SEQ_MAX - a->next_seq) {
        errno = EOVERFLOW;
        return -1;
    }
    if (a->fd >= 0 && a->held[a->n - 1].bytes >= (uint64_t)a->segment_size)
        close_fd(&a->fd);
    if (a->fd < 0 && start_segment(a) < 0)
        return -1;
    if (put_frame(a, payload, n, count) < 0) {
        give_up_segment(a);
        return -1;
    }
    *end = a->next_seq;
    return 0;
}

/* ---- retention ---- */

/* A segment is as old as its youngest metric, and that is no older than the next segment. */
static bool over(const struct append *a, size_t i, int64_t wall_ns)
{
    if (a->max_size > 0 && a->bytes > (uint64_t)a->max_size)
        return true;
    return a->max_age > 0 && wall_ns - a->held[i + 1].created_ns > a->max_age;
}

static bool drop_oldest(struct append *a, size_t i)
{
    char name[SEGMENT_NAME];

    segment_name(name, a->held[i].first_seq);
    if (unlinkat(a->dirfd, name, 0) < 0 && errno != ENOENT)
        return false; /* the next call tries again */
    a->bytes -= a->held[i].bytes;
    return true;
}

unsigned append_retain(struct append *a, uint64_t needed, int64_t wall_ns)
{
    unsigned lost = 0;
    size_t i = 0;

    for (; i + 1 < a->n; i++) {
        bool passed = a->held[i + 1].first_seq <= needed;
        if ((!passed && !over(a, i, wall_ns)) || !drop_oldest(a, i))
            break;
        lost += !passed;
    }
    if (i > 0) {
        a->n -= i;
        memmove(a->held, a->held + i, a->n * sizeof *a->held);
    }
    return lost;
}
