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
#include <sys/uio.h>
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
    append_configure(a, c->segment_size, c->max_size, c->max_age);
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

bool append_there(struct append *a, const char *dir)
{
    struct stat st;

    if (a->fd >= 0 && fstat(a->fd, &st) == 0 && st.st_nlink == 0)
        fd_close(&a->fd);
    return inventory_there(&a->folder, dir);
}

bool append_reopen(struct append *a, const char *dir, struct why *why)
{
    fd_close(&a->fd);
    if (!inventory_reopen(&a->folder, dir, why))
        return false;
    a->starved = false;
    return true;
}

void append_configure(struct append *a, int64_t segment_size, int64_t max_size, int64_t max_age)
{
    a->segment_size = segment_size;
    a->max_size = max_size;
    a->max_age = max_age;
}

int append_dirfd(const struct append *a)
{
    return a->folder.dirfd;
}

uint64_t append_next_seq(const struct append *a)
{
    return a->folder.next_seq;
}

uint64_t append_segment(const struct append *a)
{
    const struct inventory_segment *newest = inventory_newest(&a->folder);

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
    struct segment_header h = {a->folder.next_seq, random_u64(), clock_wall()};

    if (!inventory_reserve(&a->folder)) {
        errno = ENOMEM;
        return -1;
    }
    a->fd = create(a->folder.dirfd, &h);
    a->starved = a->fd < 0 && (errno == ENOSPC || errno == EDQUOT);
    if (a->fd < 0)
        return -1;
    a->salt = h.salt;
    a->wall_ahead = h.created_ns - clock_mono();
    inventory_add(&a->folder, &(struct inventory_segment){.first_seq = h.first_seq,
                                                          .bytes = SEGMENT_HEADER,
                                                          .created_ns = h.created_ns});
    return 0;
}

/* Cuts what a failed write left, so that it takes no room on a full disk, and closes the segment. */
static void give_up_segment(struct append *a)
{
    const struct inventory_segment *newest = inventory_newest(&a->folder);
    struct stat st;
    int e = errno;

    if (ftruncate(a->fd, (off_t)newest->bytes) < 0 && fstat(a->fd, &st) == 0)
        inventory_size(&a->folder, (uint64_t)st.st_size);
    fd_close(&a->fd);
    errno = e;
}

static int put_frame(struct append *a, const void *payload, size_t n, uint32_t count,
                     int64_t accepted_ns)
{
    static const uint8_t zero[8];
    const struct inventory_segment *newest = inventory_newest(&a->folder);
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
    if (write_all(a->fd, v, 4) < 0)
        return -1;
    inventory_size(&a->folder, newest->bytes + size);
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
    const struct inventory_segment *newest = inventory_newest(&a->folder);
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

unsigned append_retain(struct append *a, uint64_t needed, int64_t wall_ns)
{
    unsigned lost = inventory_retain(&a->folder, needed, wall_ns, a->max_size, a->max_age);

    if (a->starved && a->fd < 0 &&
        needed >= a->folder.next_seq) /* its room is what the next one lacks */
        inventory_empty_newest(&a->folder);
    return lost;
}
