/* spool/append.c - one frame at a time, and when the next segment begins
 *
 * A frame's header has the time of acceptance, counted from when its segment was made. So a wall
 * clock that is stepped begins a new segment, and so do 49 days.
 *
 * The new segment is made by the first append, so that restarts without traffic leave nothing
 * behind; it appears under its name by rename, header included.
 *
 * An append that fails leaves no frame: the segment is cut back to its last whole frame and given
 * up. If the cut fails, too, a torn frame stays at the end of a segment that is not appended to,
 * and readers step over it without counting anything lost, as the next segment begins with the same
 * number. A segment in which no frame, and no trailer of one, is valid may stand in the way of a new
 * one of the same name: it is replaced.
 */
#include "spool/append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/why.h"
#include "spool/segment.h"

enum { TEMP_NAME = SEGMENT_NAME + 8 };
static const int64_t STEP = NS_PER_S; /* less from one append to the next is a clock being slewed */

/* --- its folder --- */

struct append *append_open(const struct append_config *c, struct why *why)
{
    struct append *a = calloc(1, sizeof *a);

    if (a == NULL) {
        why_set(why, "cannot be used: out of memory");
        return NULL;
    }
    append_configure(a, c);
    a->fd = a->folder.dirfd = a->folder.lock = -1;
    if (inventory_open(&a->folder, c->dir, why))
        return a;
    append_close(a);
    return NULL;
}

void append_close(struct append *a)
{
    if (a == NULL)
        return;
    fd_close(&a->fd);
    inventory_close(&a->folder);
    free(a);
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

static bool unlinked(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

bool append_there(struct append *a, const char *dir)
{
    const struct inventory *v = &a->folder;

    if (a->fd >= 0 && unlinked(a->fd))
        fd_close(&a->fd);
    return v->lock >= 0 && same_folder(v->dirfd, dir) && !unlinked(v->lock);
}

/* The old lock goes first: should its file be the new one after all, its close would take ours
 * along. */
bool append_reopen(struct append *a, const char *dir, struct why *why)
{
    struct inventory *v = &a->folder, next = {-1, -1, .next_seq = v->next_seq};
    bool good;

    fd_close(&a->fd);
    fd_close(&v->lock);
    good = inventory_open(&next, dir, why);
    if (good && dup3(next.dirfd, v->dirfd, O_CLOEXEC) < 0)
        good = why_set(why, "cannot be opened: %m");
    if (!good) {
        inventory_close(&next);
        return false;
    }
    fd_close(&next.dirfd);
    next.dirfd = v->dirfd;
    a->oldest = append_oldest(a);
    free(v->held);
    *v = next;
    a->starved = false;
    return true;
}

void append_configure(struct append *a, const struct append_config *c)
{
    a->segment_size = c->segment_size;
    a->max_size = c->max_size;
    a->max_age = c->max_age;
}

int append_dirfd(const struct append *a)
{
    return a->folder.dirfd;
}

uint64_t append_next_seq(const struct append *a)
{
    return a->folder.next_seq;
}

/* NULL: none. */
static struct held_segment *newest_of(const struct append *a)
{
    return a->folder.n > 0 ? &a->folder.held[a->folder.n - 1] : NULL;
}

uint64_t append_segment(const struct append *a)
{
    const struct held_segment *newest = newest_of(a);

    return newest != NULL ? newest->first_seq : a->folder.next_seq;
}

uint64_t append_bytes(const struct append *a)
{
    return a->folder.bytes;
}

uint64_t append_seal(struct append *a)
{
    fd_close(&a->fd);
    return a->folder.next_seq;
}

/* --- appending --- */

/* So long is the newest now. */
static void resize_newest(struct append *a, uint64_t bytes)
{
    struct held_segment *newest = newest_of(a);

    a->folder.bytes += bytes - newest->bytes;
    newest->bytes = bytes;
}

/* Room for one more segment in the list. */
static bool make_room(struct inventory *v)
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

/* Writes the header to a file of its own and gives it the segment's name. The descriptor, or -1
 * with errno. If that name is taken, then by a segment without a valid frame: else next_seq would
 * be beyond it. */
static int create(int dirfd, const struct segment_header *h)
{
    char name[SEGMENT_NAME], temp[TEMP_NAME];
    uint8_t head[SEGMENT_HEADER];
    int fd;

    segment_name(name, h->first_seq);
    snprintf(temp, sizeof temp, ".%s.tmp", name);
    segment_header_put(head, h);
    if ((fd = publish_begin(dirfd, temp)) < 0)
        return -1;
    if (fd_write_all(fd, head, sizeof head) == 0)
        (void)publish_end(dirfd, temp, name, &fd);
    else
        publish_drop(dirfd, temp, &fd);
    return fd;
}

static int start_segment(struct append *a)
{
    struct inventory *v = &a->folder;
    struct segment_header h = {v->next_seq, random_u64(), clock_wall()};

    if (!make_room(v)) /* and errno is ENOMEM */
        return -1;
    a->fd = create(v->dirfd, &h);
    a->starved = a->fd < 0 && (errno == ENOSPC || errno == EDQUOT);
    if (a->fd < 0)
        return -1;
    a->salt = h.salt;
    a->wall_ahead = h.created_ns - clock_mono();
    if (v->n > 0 && newest_of(a)->first_seq == h.first_seq) /* it is replaced */
        v->bytes -= v->held[--v->n].bytes;
    v->held[v->n++] = (struct held_segment){
        .first_seq = h.first_seq, .bytes = SEGMENT_HEADER, .created_ns = h.created_ns};
    v->bytes += SEGMENT_HEADER;
    return 0;
}

/* Cuts what a failed write left, so that it takes no room on a full disk, and closes the segment. */
static void give_up_segment(struct append *a)
{
    struct stat st;
    int e = errno;

    if (ftruncate(a->fd, (off_t)newest_of(a)->bytes) < 0 && fstat(a->fd, &st) == 0)
        resize_newest(a, (uint64_t)st.st_size);
    fd_close(&a->fd);
    errno = e;
}

static int put_frame(struct append *a, const void *payload, size_t n, uint32_t count,
                     int64_t accepted_ns)
{
    static const uint8_t zero[8];
    const struct held_segment *newest = newest_of(a);
    const struct segment_header s = {.created_ns = newest->created_ns};
    struct frame_header h = {a->folder.next_seq, count, (uint32_t)n, frame_sum(payload, n, a->salt),
                             frame_accepted_put(&s, accepted_ns)};
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
    if (fd_writev_all(a->fd, v, 4) < 0)
        return -1;
    resize_newest(a, newest->bytes + size);
    a->folder.next_seq += count;
    return 0;
}

static bool clock_stepped(struct append *a, int64_t wall)
{
    int64_t ahead = wall - clock_mono(), by = ahead - a->wall_ahead;

    a->wall_ahead = ahead;
    return by > STEP || by < -STEP;
}

/* The newest segment may be appended to, and its frames can tell of now. */
static bool takes_more(struct append *a, int64_t wall)
{
    const struct held_segment *newest = newest_of(a);
    const struct segment_header s = {.created_ns = newest->created_ns};

    return !clock_stepped(a, wall) && newest->bytes < (uint64_t)a->segment_size &&
           frame_accepted_put(&s, wall) != 0;
}

int append_frame(struct append *a, const void *payload, size_t n, uint32_t count, uint64_t *end)
{
    return append_held(a, payload, n, count, clock_wall(), end);
}

int append_held(struct append *a, const void *payload, size_t n, uint32_t count,
                int64_t accepted_ns, uint64_t *end)
{
    if (n == 0 || n > FRAME_MAX || count == 0) {
        errno = EINVAL;
        return -1;
    }
    if (count > SEQ_MAX - a->folder.next_seq) {
        errno = EOVERFLOW;
        return -1;
    }
    if (a->fd >= 0 && !takes_more(a, clock_wall()))
        fd_close(&a->fd);
    if (a->fd < 0 && start_segment(a) < 0)
        return -1;
    if (put_frame(a, payload, n, count, accepted_ns) < 0) {
        give_up_segment(a);
        return -1;
    }
    *end = a->folder.next_seq;
    return 0;
}

/* --- retention --- */

uint64_t append_oldest(const struct append *a)
{
    uint64_t first = a->folder.n > 0 ? a->folder.held[0].first_seq : a->folder.next_seq;

    return first > a->oldest ? first : a->oldest;
}

uint64_t append_within(const struct append *a, uint64_t bytes)
{
    const struct inventory *v = &a->folder;
    uint64_t from = v->next_seq, all = 0;

    for (size_t i = v->n; i > 0 && (all += v->held[i - 1].bytes) <= bytes; i--)
        from = v->held[i - 1].first_seq;
    return from;
}

/* A segment is as old as its youngest metric, and that is no older than the next segment. `bytes` are those
 * of all that stay with it. */
static bool is_over(const struct append *a, size_t i, uint64_t bytes, int64_t wall_ns)
{
    if (a->max_size > 0 && bytes > (uint64_t)a->max_size)
        return true;
    return a->max_age > 0 && clock_between(a->folder.held[i + 1].created_ns, wall_ns) > a->max_age;
}

/* First it gets the next one's name, so that whatever comes between leaves the next number in the
 * folder; as no frame in it is valid, it is then replaced. It is not unlinked, since a reader at its
 * end may have it open, and would keep the room taken. What fails is tried again by the next call. */
static void empty_newest(struct append *a)
{
    struct inventory *v = &a->folder;
    struct held_segment *s = newest_of(a);
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
            resize_newest(a, 0);
    }
    fd_close(&fd);
}

/* How many are to go; *lost of them are needed, and were not given up before. */
static size_t number_to_go(const struct append *a, uint64_t needed, int64_t wall_ns, unsigned *lost)
{
    const struct inventory *v = &a->folder;
    uint64_t bytes = v->bytes;
    size_t n = 0;

    *lost = 0;
    for (; n + 1 < v->n; n++) {
        uint64_t end = v->held[n + 1].first_seq;

        if (end > needed && end > a->oldest && !is_over(a, n, bytes, wall_ns))
            break;
        *lost += end > needed && end > a->oldest;
        bytes -= v->held[n].bytes;
    }
    return n;
}

unsigned append_retain(struct append *a, uint64_t needed, int64_t wall_ns)
{
    struct inventory *v = &a->folder;
    unsigned lost;
    size_t n = number_to_go(a, needed, wall_ns, &lost);

    if (n > 0 && v->held[n].first_seq > append_oldest(a)) {
        a->oldest = v->held[n].first_seq;
        if (a->ev.begins != NULL)
            a->ev.begins(a->ev.arg, a->oldest);
    }
    inventory_remove(v, n);
    if (a->starved && a->fd < 0 && needed >= v->next_seq) /* its room is what the next one lacks */
        empty_newest(a);
    return lost;
}
