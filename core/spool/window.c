/* spool/window.c - reads ahead as far as the buffer goes. Fails as pread() and malloc() do. */
#include "spool/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/le.h"
#include "spool/segment.h"

enum { BUFFER = 256 << 10, PAGE = 4096 /* what the kernel reads a disk by */ };

bool window_open(struct window *w)
{
    *w = (struct window){.fd = -1, .cap = BUFFER, .buf = malloc(BUFFER)};
    return w->buf != NULL;
}

void window_close(struct window *w)
{
    fd_close(&w->fd);
    free(w->buf);
    w->buf = NULL;
}

void window_drop(struct window *w)
{
    w->at = w->n = 0;
}

/* Zeros instead of what cannot be read, to the end of its page. How many; 0 at the end of the
 * file. */
static ssize_t read_as_zeros(struct window *w)
{
    uint64_t at = w->at + w->n;
    size_t n = PAGE - (size_t)(at % PAGE);
    struct stat st;

    if (fstat(w->fd, &st) < 0)
        return -1;
    if (at + n > (uint64_t)st.st_size)
        n = at < (uint64_t)st.st_size ? (size_t)((uint64_t)st.st_size - at) : 0;
    if (n > w->cap - w->n)
        n = w->cap - w->n;
    memset(w->buf + w->n, 0, n);
    return (ssize_t)n;
}

/* The buffer's first byte is the file's at `off` from now on; what it has behind that stays. */
static bool move_to(struct window *w, uint64_t off, size_t want)
{
    uint8_t *more;

    w->n -= (size_t)(off - w->at);
    memmove(w->buf, w->buf + (off - w->at), w->n);
    w->at = off;
    if (want <= w->cap)
        return true;
    if ((more = realloc(w->buf, want)) == NULL)
        return false;
    w->buf = more;
    w->cap = want;
    return true;
}

ssize_t window_fill(struct window *w, uint64_t off, size_t want, const uint8_t **p)
{
    if (off < w->at || off > w->at + w->n) {
        w->at = off;
        w->n = 0;
    }
    if (w->at + w->n - off < want) {
        if (!move_to(w, off, want))
            return -1;
        for (ssize_t r = 1; w->n < want && r != 0; w->n += r > 0 ? (size_t)r : 0) {
            r = pread(w->fd, w->buf + w->n, w->cap - w->n, (off_t)(off + w->n));
            if (r < 0 && segment_rotten(errno))
                r = read_as_zeros(w);
            if (r < 0 && errno != EINTR)
                return -1;
        }
    }
    *p = w->buf + (off - w->at);
    return (ssize_t)(w->at + w->n - off);
}

int window_stands(const struct window *w, uint64_t off, size_t n)
{
    uint8_t now[WINDOW_LOOK];
    ssize_t r = fd_read_at(w->fd, now, n, (off_t)off);

    if (r < 0)
        return segment_rotten(errno) ? 1 : -1;
    return r == (ssize_t)n && memcmp(now, w->buf + (off - w->at), n) == 0;
}

/* Past a hole, whose end the file system knows without reading it. */
static uint64_t pass_hole(const struct window *w, uint64_t from)
{
    off_t data = lseek(w->fd, (off_t)from, SEEK_DATA);
    struct stat st;

    if (data < 0 && errno == ENXIO && fstat(w->fd, &st) == 0)
        data = st.st_size; /* it is all hole to the end */
    if (data >= 0 && ((uint64_t)data & ~UINT64_C(7)) > from)
        return (uint64_t)data & ~UINT64_C(7);
    return from;
}

uint64_t window_pass_zeros(const struct window *w, uint64_t from)
{
    uint64_t end = w->at + w->n;

    while (from + 8 <= end && le64_get(w->buf + (from - w->at)) == 0)
        from += 8;
    return from + 8 > end ? pass_hole(w, from) : from;
}
