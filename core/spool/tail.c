/* spool/tail.c - a place in the spool, and a scan past damage
 *
 * Three things decide everything: `expected`, the next sequence number to hand out; `off`, where in
 * the segment its frame should begin; and `sealed`, which is set once a newer segment has been
 * seen, since the writer never goes back. At `off` there is a good frame, or nothing yet, or
 * damage. Past damage `scan` runs ahead in steps of 8, over holes at once, to the next frame whose
 * two checksums hold; its sequence number says what is lost. The end of an unsealed segment means
 * wait; the end of a sealed one leads to the next, and its name says what is lost.
 *
 * Only the next garnetd can go back: on a full disk (spool/resume.h), where somebody has deleted the newest segment. A
 * reader that stood in that, and has outlived the one before, as no worker does, counts as lost what is written there.
 *
 * Damage leaves trailers behind: they tell tail_seen() of frames whose header is gone. A place that
 * the disk cannot read is read as zeros, a page at a time, and so is damage like any other.
 *
 * `off` is looked at again after every wait, and read once more before anything is called damaged. So
 * that is what stayed bad when something newer stood behind it. In a file that has been a segment before
 * a frame can be seen as it is written, over what was there: its trailer comes last.
 *
 * A file that becomes another segment while it is read here has lost its name first: what can be read of it is
 * still right, under the old salt, and what cannot has expired. Fails with TAIL_ERROR for what may pass (no descriptor, no memory, no permission), keeping its place.
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
#include "spool/opener.h"
#include "spool/segment.h"
#include "spool/window.h"

enum { AGAIN = TAIL_ERROR + 1 /* go round once more; never leaves this file */ };

struct tail {
    int dirfd;
    bool inside; /* a segment, and `bytes.fd` is it; -1 when it cannot even be opened */
    struct window bytes;
    uint64_t expected, seen;
    uint64_t first_seq; /* of the segment */
    struct segment_header header;
    ino_t inode;
    bool readable; /* the segment's header is valid */
    bool sealed;
    uint64_t off, scan; /* off <= scan: between the two there is no good frame */
    bool fresh;         /* what is in memory was read in this call */
    uint64_t twice;     /* what lies behind this `off` has been read once more; 0: none */
    bool quiet;         /* while the folder's mtime is this, there is nothing newer in it */
    int64_t mtime;
};

struct tail *tail_open(int dirfd, uint64_t seq)
{
    struct tail *t = calloc(1, sizeof *t);

    if (t == NULL || !window_open(&t->bytes)) {
        free(t);
        errno = ENOMEM;
        return NULL;
    }
    t->dirfd = dirfd;
    t->expected = seq;
    return t;
}

void tail_seek(struct tail *t, uint64_t seq)
{
    fd_close(&t->bytes.fd);
    t->inside = t->sealed = t->quiet = false;
    t->expected = seq;
    t->off = t->scan = 0;
}

uint64_t tail_seen(const struct tail *t)
{
    return t->seen;
}

uint64_t tail_whole(const struct tail *t, uint64_t *next)
{
    *next = t->expected;
    return t->inside && t->readable && t->scan == t->off && t->seen <= t->expected ? t->off : 0;
}

void tail_close(struct tail *t)
{
    if (t == NULL)
        return;
    window_close(&t->bytes);
    free(t);
}

enum look {
    LOOK_GOOD,  /* a frame with something new in it */
    LOOK_OLD,   /* a frame that ends before what is expected: its payload does not matter */
    LOOK_HURT,  /* a valid header, a bad payload */
    LOOK_NOISE, /* no frame begins here */
    LOOK_TRACE, /* but the trailer of one whose header is gone */
    LOOK_END,   /* the file ends before a whole frame, or the mark says so */
    LOOK_ERROR,
};

static void see(struct tail *t, uint64_t next)
{
    if (next > t->seen)
        t->seen = next;
}

/* What is read in two goes may be of two lives: of a torn frame, and of what has been written since to where its rest
 * would be. That has been written over its beginning before. */
static enum look look_whole(struct tail *t, uint64_t off, const struct frame_header *h)
{
    size_t size = frame_size(h->length);
    bool at_once = t->bytes.at + t->bytes.n >= off + size, good;
    struct frame_header trailer;
    const uint8_t *p;
    ssize_t n = window_fill(&t->bytes, off, size, &p);
    int stands;

    if (n < 0)
        return LOOK_ERROR;
    if ((size_t)n < size)
        return LOOK_END;
    if (!at_once && (stands = window_stands(&t->bytes, off, FRAME_HEADER)) <= 0) {
        window_drop(&t->bytes);
        return stands < 0 ? LOOK_ERROR : LOOK_NOISE;
    }
    good = frame_sum(p + FRAME_HEADER, h->length, t->header.salt) == h->payload_sum;
    if (!good && t->header.older > off &&
        !frame_trailer_get(p + size - FRAME_TRAILER, &trailer, t->header.salt))
        return LOOK_NOISE; /* it was never written whole */
    see(t, h->seq + h->count);
    return good ? LOOK_GOOD : LOOK_HURT;
}

static enum look look_for_frame(struct tail *t, uint64_t off, struct frame_header *h)
{
    const uint8_t *p;
    uint64_t next;
    ssize_t n;

    if (!t->readable)
        return LOOK_END;
    if ((n = window_fill(&t->bytes, off, FRAME_HEADER, &p)) < 0)
        return LOOK_ERROR;
    if (n >= FRAME_HEADER && frame_header_get(p, h, t->header.salt))
        return h->seq + h->count <= t->expected ? LOOK_OLD : look_whole(t, off, h);
    if (n >= FRAME_TRAILER && frame_trailer_get(p, h, t->header.salt)) {
        see(t, h->seq + h->count);
        return LOOK_TRACE;
    }
    if (n >= FRAME_END && frame_end_get(p, &next, t->header.salt)) {
        see(t, next);
        return LOOK_END;
    }
    return n < FRAME_HEADER ? LOOK_END : LOOK_NOISE;
}

/* Under its name; 0: it cannot be known. */
static ino_t inode_named(const struct tail *t, uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    return opener_stat(t->dirfd, name, &st) == 0 ? st.st_ino : 0;
}

/* Whether the segment at hand is still what it was: as far as is known. */
static bool keeps_name(const struct tail *t)
{
    ino_t inode = inode_named(t, t->first_seq);

    return inode == 0 ? errno != ENOENT : inode == t->inode;
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

/* A frame behind a gap. The next call delivers it. */
static int pass_gap(struct tail *t, struct tail_frame *f, const struct frame_header *h)
{
    if (t->twice != t->off) {
        t->twice = t->scan = t->off;
        window_drop(&t->bytes);
        return AGAIN;
    }
    t->off = t->scan;
    return skip_to(t, f, h->seq, keeps_name(t) ? TAIL_DAMAGED : TAIL_EXPIRED);
}

static int hand_out(struct tail *t, struct tail_frame *f, const struct frame_header *h)
{
    if (h->seq > t->expected)
        return pass_gap(t, f, h);
    t->off = t->scan;
    *f = (struct tail_frame){.seq = h->seq,
                             .count = h->count,
                             .payload = t->bytes.buf + (t->off - t->bytes.at) + FRAME_HEADER,
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
    window_drop(&t->bytes);
    return TAIL_WAIT;
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
    fd_close(&t->bytes.fd);
    t->inside = true;
    t->bytes.fd = fd;
    t->first_seq = first_seq;
    t->header = h;
    t->inode = fd < 0 ? inode_named(t, first_seq) : fstat(fd, &st) == 0 ? st.st_ino : 0;
    t->readable = state == SEGMENT_GOOD;
    t->sealed = t->quiet = false;
    t->off = t->scan = SEGMENT_HEADER;
    t->twice = 0;
    window_drop(&t->bytes);
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

/* A writer that found no frame in it has begun it once more, in the same file. */
static bool is_begun_again(struct tail *t)
{
    uint8_t head[SEGMENT_HEADER];
    struct segment_header h;

    if (!t->inside || t->off != SEGMENT_HEADER ||
        fd_read_at(t->bytes.fd, head, sizeof head, 0) != SEGMENT_HEADER ||
        segment_header_get(head, &h) != SEGMENT_GOOD || h.first_seq != t->first_seq ||
        h.salt == t->header.salt)
        return false;
    t->header = h;
    t->readable = true;
    t->scan = t->off;
    window_drop(&t->bytes);
    return true;
}

/* Outside of a segment, or at the end of what can be read in one. */
static int turn_page(struct tail *t, struct tail_frame *f)
{
    struct segment_list l;
    uint64_t next;
    size_t i;
    bool oldest;
    int r;

    if (is_begun_again(t))
        return AGAIN;
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
        window_drop(&t->bytes);
        return AGAIN;
    }
    oldest = !t->inside || i == 0;
    if ((r = begin_segment(t, next)) != TAIL_FRAME)
        return r;
    /* Retention takes the oldest: if nothing older is left, it was retention. */
    return skip_to(t, f, next, oldest ? TAIL_EXPIRED : TAIL_DAMAGED);
}

/* In a file of an older life what is behind the last frame is there from the first, and may have been read ahead. */
static bool is_outdated(struct tail *t, enum look look)
{
    if (look <= LOOK_OLD || t->fresh || t->header.older == 0)
        return false;
    window_drop(&t->bytes);
    t->fresh = true;
    return true;
}

static int step(struct tail *t, struct tail_frame *f)
{
    struct frame_header h;
    enum look look = look_for_frame(t, t->scan, &h);

    if (is_outdated(t, look))
        return AGAIN;
    switch (look) {
    case LOOK_GOOD:
        return hand_out(t, f, &h);
    case LOOK_OLD:
        t->off = t->scan += frame_size(h.length);
        return AGAIN;
    case LOOK_HURT:
        t->scan += frame_size(h.length);
        return AGAIN;
    case LOOK_NOISE:
        t->scan = window_pass_zeros(&t->bytes, t->scan + 8);
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
    t->fresh = t->bytes.n == 0;
    if (t->inside && t->scan != t->off && look_for_frame(t, t->off, &h) <= LOOK_OLD)
        t->scan = t->off; /* what was bad at the live end has become good */
    do
        r = t->inside ? step(t, f) : turn_page(t, f);
    while (r == AGAIN);
    return (enum tail_result)r;
}
