/* spool/resume.c - looks through what is behind the end: in a file of an older life there may be anything; then
 * writes all before it once more
 */
#include "spool/resume.h"

#include <fcntl.h>

#include "base/fd.h"
#include "spool/begin.h"
#include "spool/window.h"

/* `n` bytes at p: whether anything of this life begins there. */
static bool is_of(const uint8_t *p, size_t n, uint64_t salt)
{
    struct frame_header h;
    uint64_t next;

    return (n >= FRAME_HEADER && frame_header_get(p, &h, salt)) ||
           (n >= FRAME_TRAILER && frame_trailer_get(p, &h, salt)) ||
           (n >= FRAME_END && frame_end_get(p, &next, salt));
}

/* Nothing is of this life from `off` to the end of the file. */
static bool is_noise(int fd, uint64_t off, uint64_t salt)
{
    struct window w;
    const uint8_t *p;
    ssize_t n = -1;
    bool found = false;

    if (!window_open(&w))
        return false;
    w.fd = fd;
    while (!found && (n = window_fill(&w, off, FRAME_HEADER, &p)) > 0) {
        found = is_of(p, (size_t)n, salt);
        off = window_pass_zeros(&w, off + 8);
    }
    w.fd = -1; /* it stays open */
    window_close(&w);
    return n == 0 && !found;
}

/* A torn frame, which is longer than what was torn. */
static bool is_frame(int fd, uint64_t off, uint64_t salt)
{
    uint8_t p[FRAME_HEADER];
    struct frame_header h;
    ssize_t n = fd_read_at(fd, p, sizeof p, (off_t)off);

    return n < 0 || (n >= FRAME_HEADER && frame_header_get(p, &h, salt)) ||
           (n >= FRAME_TRAILER && frame_trailer_get(p, &h, salt));
}

/* An ordinary file ends with its last frame, one of an older life has the end mark there. */
static bool ends_at(int fd, uint64_t end, const struct stat *st, const struct segment_header *h)
{
    uint64_t size = (uint64_t)st->st_size;

    return size == end || (h->older > end && size > end && !is_frame(fd, end, h->salt) &&
                           is_noise(fd, end + FRAME_END, h->salt));
}

/* As it is, in place: a sync of it may have failed under the garnetd before, and the kernel then takes for clean what it
 * has not written. The next sync writes all of it. */
static bool write_back(int fd, uint64_t end)
{
    enum { PIECE = 64 << 10 };
    static char piece[PIECE];

    for (uint64_t at = 0; at < end; at += PIECE) {
        size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;

        if (fd_read_at(fd, piece, n, (off_t)at) != (ssize_t)n ||
            fd_write_at(fd, piece, n, (off_t)at) < 0)
            return false;
    }
    return true;
}

int resume_open(int dirfd, uint64_t first_seq, uint64_t end, struct segment_header *h,
                uint64_t *room)
{
    uint8_t head[SEGMENT_HEADER];
    char name[SEGMENT_NAME];
    struct stat st;
    int fd;

    segment_name(name, first_seq);
    fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && (*room = begin_room(&st)) > 0 &&
        fd_read_at(fd, head, sizeof head, 0) == SEGMENT_HEADER &&
        segment_header_get(head, h) == SEGMENT_GOOD && h->first_seq == first_seq &&
        ends_at(fd, end, &st, h) && write_back(fd, end))
        return fd;
    fd_close(&fd);
    return -1;
}
