/* spool/tail.c - a place in the spool, and a scan past damage
 *
 * Three things decide everything: `expected`, the next sequence number to hand out; `off`, where in
 * the segment its frame should begin; and `sealed`, which is set once a newer segment has been
 * seen, since the writer never goes back. At `off` there is a good frame, or nothing yet, or
 * damage. Past damage `scan` runs ahead in steps of 8, over holes at once, to the next frame whose
 * two checksums hold; its sequence number says what is lost. The end of an unsealed segment means
 * wait; the end of a sealed one leads to the next, and its name says what is lost.
 *
 * Damage leaves trailers behind: they tell tail_seen() of frames whose header is gone. A place that
 * the disk cannot read is read as zeros, a page at a time, and so is damage like any other.
 *
 * `off` is looked at again after every wait. So what is called damaged is what stayed bad until
 * something newer stood behind it.
 *
 * Memory is one buffer: 256 KiB, more only when a frame with a valid header needs it. Fails with
 * TAIL_ERROR for what may pass (no descriptor, no memory, no permission), keeping its place.
 */
#include "spool/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/le.h"
#include "spool/opener.h"
#include "spool/segment.h"

enum {
    BUFFER = 256 << 10,
    PAGE = 4096,           /* what the kernel reads a disk by */
    AGAIN = TAIL_ERROR + 1 /* go round once more; never leaves this file */
};

struct tail {
    int dirfd;
    bool inside; /* a segment, and `fd` is it; -1 when it cannot even be opened */
    int fd;
    uint64_t expected, seen;
    uint64_t first_seq; /* of the segment */
    struct segment_header header;
    ino_t inode;
    bool readable; /* the segment's header is valid */
    bool sealed;
    uint64_t off, scan; /* off <= scan: between the two there is no good frame */
    uint8_t *buf;       /* holds the segment's bytes [at, at + n) */
    size_t cap, n;
    uint64_t at;
    bool quiet; /* while the folder's mtime is this, there is nothing newer in it */
    int64_t mtime;
};

struct tail *tail_open(int dirfd, uint64_t seq)
{
    struct tail *t = calloc(1, sizeof *t);

    if (t == NULL || (t->buf = malloc(BUFFER)) == NULL) {
        free(t);
        errno = ENOMEM;
        return NULL;
    }
    t->cap = BUFFER;
    t->dirfd = dirfd;
    t->fd = -1;
    t->expected = seq;
    return t;
}

void tail_seek(struct tail *t, uint64_t seq)
{
    fd_close(&t->fd);
    t->inside = t->sealed = t->quiet = false;
    t->expected = seq;
    t->off = t->scan = 0;
}

uint64_t tail_seen(const struct tail *t)
{
    return t->seen;
}

void tail_close(struct tail *t)
{
    if (t == NULL)
        return;
    fd_close(&t->fd);
    free(t->buf);
    free(t);
}

/* Zeros instead of what cannot be read, to the end of its page. How many; 0 at the end of the
 * file. */
static ssize_t read_as_zeros(struct tail *t)
{
    uint64_t at = t->at + t->n;
    size_t n = PAGE - (size_t)(at % PAGE);
    struct stat st;

    if (fstat(t->fd, &st) < 0)
        return -1;
    if (at + n > (uint64_t)st.st_size)
        n = at < (uint64_t)st.st_size ? (size_t)((uint64_t)st.st_size - at) : 0;
    if (n > t->cap - t->n)
        n = t->cap - t->n;
    memset(t->buf + t->n, 0, n);
    return (ssize_t)n;
}

/* Gets at least `want` bytes at file offset `off` to the front of what is buffered. Returns how
 * many there are: fewer at the end of the file. -1 with errno. Offsets are multiples of 8, so
 * payloads are aligned. */
static ssize_t fill_buffer(struct tail *t, uint64_t off, size_t want)
{
    uint8_t *more;

    if (off < t->at || off > t->at + t->n) {
        t->at = off;
        t->n = 0;
    }
    if (t->at + t->n - off >= want)
        return (ssize_t)(t->at + t->n - off);
    t->n -= (size_t)(off - t->at);
    memmove(t->buf, t->buf + (off - t->at), t->n);
    t->at = off;
    if (want > t->cap) {
        if ((more = realloc(t->buf, want)) == NULL)
            return -1;
        t->buf = more;
        t->cap = want;
    }
    for (ssize_t r = 1; t->n < want && r != 0; t->n += r > 0 ? (size_t)r : 0) {
        r = pread(t->fd, t->buf + t->n, t->cap - t->n, (off_t)(off + t->n));
        if (r < 0 && segment_rotten(errno))
            r = read_as_zeros(t);
        if (r < 0 && errno != EINTR)
            return -1;
    }
    return (ssize_t)t->n;
}

enum look {
    LOOK_GOOD,  /* a frame with something new in it */
    LOOK_OLD,   /* a frame that ends before what is expected: its payload does not matter */
    LOOK_HURT,  /* a valid header, a bad payload */
    LOOK_NOISE, /* no frame begins here */
    LOOK_TRACE, /* but the trailer of one whose header is gone */
    LOOK_END,   /* the file ends before a whole frame */
    LOOK_ERROR,
};

static void see(struct tail *t, const struct frame_header *h)
{
    if (h->seq + h->count > t->seen)
        t->seen = h->seq + h->count;
}

static enum look look_whole(struct tail *t, uint64_t off, const struct frame_header *h)
{
    size_t size = frame_size(h->length);
    ssize_t n = fill_buffer(t, off, size);
    uint64_t sum;

    if (n < 0)
        return LOOK_ERROR;
    if ((size_t)n < size)
        return LOOK_END;
    see(t, h);
    sum = frame_sum(t->buf + (off - t->at) + FRAME_HEADER, h->length, t->header.salt);
    return sum == h->payload_sum ? LOOK_GOOD : LOOK_HURT;
}

static enum look look_for_frame(struct tail *t, uint64_t off, struct frame_header *h)
{
    const uint8_t *p;
    ssize_t n;

    if (!t->readable)
        return LOOK_END;
    if ((n = fill_buffer(t, off, FRAME_HEADER)) < 0)
        return LOOK_ERROR;
    p = t->buf + (off - t->at);
    if (n >= FRAME_HEADER && frame_header_get(p, h, t->header.salt))
        return h->seq + h->count <= t->expected ? LOOK_OLD : look_whole(t, off, h);
    if (n >= FRAME_TRAILER && frame_trailer_get(p, h, t->header.salt)) {
        see(t, h);
        return LOOK_TRACE;
    }
    return n < FRAME_HEADER ? LOOK_END : LOOK_NOISE;
}

/* What lies before `next` and was not handed out is lost; nothing to say when that is nothing. */
static int skip_to(struct tail *t, struct tail_frame *f, uint64_t next, enum tail_reason reason)
{
    if (next <= t->expected)
        return AGAIN;
    *f = (struct tail_frame){.seq = t->expected, .lost = next - t->expected, .reason = reason};
    t->expected = next;
    return TAIL_LOST;
}

static int hand_out(struct tail *t, struct tail_frame *f, const struct frame_header *h)
{
    t->off = t->scan;
    if (h->seq > t->expected)
        return skip_to(t, f, h->seq, TAIL_DAMAGED); /* the next call delivers it */
    *f = (struct tail_frame){.seq = h->seq,
                             .count = h->count,
                             .payload = t->buf + (t->off - t->at) + FRAME_HEADER,
                             .length = h->length,
                             .segment = t->first_seq,
                             .accepted_ns = frame_accepted_get(&t->header, h->accepted_ms)};
    t->off = t->scan += frame_size(h->length);
    t->expected = h->seq + h->count;
    return TAIL_FRAME;
}

/* Bytes of an unfinished frame are read afresh next time. */
static int rest(struct tail *t)
{
    t->n = 0;
    return TAIL_WAIT;
}

/* Under its name; 0: it cannot be known. */
static ino_t inode_named(const struct tail *t, uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    return opener_stat(t->dirfd, name, &st) == 0 ? st.st_ino : 0;
}

static int begin_segment(struct tail *t, uint64_t first_seq)
{
    struct segment_header h = {0};
    enum segment_state state;
    struct stat st = {0};
    int fd = segment_open(t->dirfd, first_seq, &h, &state);

    if (fd < 0 && !segment_rotten(errno)) {
        t->quiet = false;
        return errno == ENOENT ? AGAIN : TAIL_ERROR; /* gone since it was listed: list again */
    }
    fd_close(&t->fd);
    t->inside = true;
    t->fd = fd;
    t->first_seq = first_seq;
    t->header = h;
    t->inode = fd < 0 ? inode_named(t, first_seq) : fstat(fd, &st) == 0 ? st.st_ino : 0;
    t->readable = state == SEGMENT_GOOD;
    t->sealed = t->quiet = false;
    t->off = t->scan = SEGMENT_HEADER;
    t->at = t->n = 0;
    return TAIL_FRAME;
}

/* Nothing new in the folder since it was last found to hold nothing newer? One fstat. A change
 * within two seconds of another may leave the same mtime, so a young one proves nothing. */
static bool unchanged(struct tail *t)
{
    struct stat st;
    int64_t mtime;

    if (fstat(t->dirfd, &st) < 0)
        return false;
    mtime = clock_ns(st.st_mtim);
    if (t->quiet && mtime == t->mtime)
        return true;
    t->quiet = clock_between(mtime, clock_wall()) > 2 * NS_PER_S;
    t->mtime = mtime;
    return false;
}

/* The place in the list of the segment to go on in; l->n for none. From inside of one it is the one behind
 * it, which may have the same name: the writer replaces a segment in which nothing can be read. From
 * outside it is the one that should hold `expected`: the last that begins at or before it. */
static size_t place_of_next(const struct tail *t, const struct segment_list *l)
{
    size_t i = 0;

    if (!t->inside) {
        while (i + 1 < l->n && l->first_seq[i + 1] <= t->expected)
            i++;
        return i;
    }
    while (i < l->n && l->first_seq[i] < t->first_seq)
        i++;
    if (i < l->n && l->first_seq[i] == t->first_seq) {
        ino_t inode = inode_named(t, t->first_seq);
        i += inode == 0 || inode == t->inode;
    }
    return i;
}

/* Outside of a segment, or at the end of what can be read in one. */
static int turn_page(struct tail *t, struct tail_frame *f)
{
    struct segment_list l;
    uint64_t next;
    size_t i;
    bool oldest;
    int r;

    if (!t->sealed && unchanged(t))
        return rest(t);
    if (segment_list(t->dirfd, &l) < 0) {
        t->quiet = false;
        return TAIL_ERROR;
    }
    i = place_of_next(t, &l);
    next = i < l.n ? l.first_seq[i] : UINT64_MAX; /* which is nobody's */
    segment_list_free(&l);
    if (next == UINT64_MAX)
        return rest(t);
    if (t->inside &&
        !t->sealed) { /* it may have grown before the newer one came: to its end once more */
        t->sealed = true;
        t->scan = t->off;
        t->n = 0;
        return AGAIN;
    }
    oldest = !t->inside || i == 0;
    if ((r = begin_segment(t, next)) != TAIL_FRAME)
        return r;
    /* Retention takes the oldest: if nothing older is left, it was retention. */
    return skip_to(t, f, next, oldest ? TAIL_EXPIRED : TAIL_DAMAGED);
}

/* Past a hole, whose end the file system knows without reading it, from `scan` on. */
static void pass_hole(struct tail *t)
{
    off_t data = lseek(t->fd, (off_t)t->scan, SEEK_DATA);
    struct stat st;

    if (data < 0 && errno == ENXIO && fstat(t->fd, &st) == 0)
        data = st.st_size; /* it is all hole to the end */
    if (data >= 0 && ((uint64_t)data & ~UINT64_C(7)) > t->scan)
        t->scan = (uint64_t)data & ~UINT64_C(7);
}

/* To where a frame may begin: that is at no zero. A file can be made long at no cost, by a crash or by
 * somebody, and must not cost us more. */
static void pass_noise(struct tail *t)
{
    uint64_t end = t->at + t->n;

    t->scan += 8;
    while (t->scan + 8 <= end && le64_get(t->buf + (t->scan - t->at)) == 0)
        t->scan += 8;
    if (t->scan + 8 > end)
        pass_hole(t);
}

static int step(struct tail *t, struct tail_frame *f)
{
    struct frame_header h;

    switch (look_for_frame(t, t->scan, &h)) {
    case LOOK_GOOD:
        return hand_out(t, f, &h);
    case LOOK_OLD:
        t->off = t->scan += frame_size(h.length);
        return AGAIN;
    case LOOK_HURT:
        t->scan += frame_size(h.length);
        return AGAIN;
    case LOOK_NOISE:
        pass_noise(t);
        return AGAIN;
    case LOOK_TRACE:
        t->scan += FRAME_TRAILER;
        return AGAIN;
    case LOOK_END:
        return turn_page(t, f);
    case LOOK_ERROR:
        break;
    }
    return TAIL_ERROR;
}

enum tail_result tail_next(struct tail *t, struct tail_frame *f)
{
    struct frame_header h;
    int r;

    *f = (struct tail_frame){0};
    if (t->inside && t->scan != t->off && look_for_frame(t, t->off, &h) <= LOOK_OLD)
        t->scan = t->off; /* what was bad at the live end has become good */
    do
        r = t->inside ? step(t, f) : turn_page(t, f);
    while (r == AGAIN);
    return (enum tail_result)r;
}
