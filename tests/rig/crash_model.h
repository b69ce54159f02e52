/* tests/rig/crash_model.h - what test_recovery.c knows of the spool: frames, segments, readers
 *
 * What each operation must leave true is checked here, as it is done. */
#ifndef CRASH_MODEL_H
#define CRASH_MODEL_H
#include "rig/crash_disk.h"

#include <xxhash.h>

#include "spool/append.h"
#include "spool/cursor.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum {
    FRAMES = 64,
    SEGMENTS = 64,
    READERS = 2,
    SEQUENCES = 100000,
    PAYLOAD = 96,
    COPY = SEGMENT_HEADER / 2
};

struct seg {
    uint64_t first;
    bool deleted;
    bool hurt;   /* nothing in it need be readable: neither copy of its header is what it was */
    bool hit[2]; /* a copy of its header */
    ino_t inode;
    uint64_t synced; /* its length when it was synced */
};
struct frame {
    uint64_t seq, id;
    uint32_t count;
    size_t seg; /* index */
    uint64_t begin, end;
    unsigned flips;
    bool cut; /* some of its bytes are missing */
};
struct reader {
    struct tail *tail;
    struct cursor cursor;
    struct cursor_state stored, before; /* the two newest stores */
    uint64_t next, read, lost[2];
};

static char dir[64];
static int dirfd_ = -1;

static struct world {
    uint64_t rng, ids;
    struct append *a;
    struct seg segs[SEGMENTS];
    size_t nsegs;
    struct frame frames[FRAMES];
    size_t nframes;
    uint64_t next;
    struct reader readers[READERS];
    size_t nreaders;
    bool damaged; /* beyond what retention does */
} w;

/* ---- the model ---- */

static bool intact(const struct frame *f)
{
    const struct seg *s = &w.segs[f->seg];

    return f->flips == 0 && !f->cut && !s->deleted && !s->hurt;
}

/* The newest entry of that name. */
static struct seg *seg_of(uint64_t first)
{
    for (size_t i = w.nsegs; i > 0; i--)
        if (w.segs[i - 1].first == first && !w.segs[i - 1].deleted)
            return &w.segs[i - 1];
    return NULL;
}

static struct stat stat_of(uint64_t first)
{
    char name[SEGMENT_NAME];
    struct stat st = {0};

    segment_name(name, first);
    if (fstatat(dirfd_, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        st = (struct stat){0};
    return st;
}

static int seg_open(uint64_t first)
{
    char name[SEGMENT_NAME];

    segment_name(name, first);
    return openat(dirfd_, name, O_RDWR | O_CLOEXEC);
}

/* Some segment that is there, or NULL. */
static struct seg *any_seg(void)
{
    struct seg *there[SEGMENTS];
    size_t n = 0;

    for (size_t i = 0; i < w.nsegs; i++)
        if (!w.segs[i].deleted)
            there[n++] = &w.segs[i];
    return n > 0 ? there[below(&w.rng, n)] : NULL;
}

static struct seg *newest_seg(void)
{
    struct seg *s = NULL;

    for (size_t i = 0; i < w.nsegs; i++)
        if (!w.segs[i].deleted && (s == NULL || w.segs[i].first >= s->first))
            s = &w.segs[i];
    return s;
}

static void fill(uint8_t *p, size_t n, uint64_t id)
{
    uint64_t state = id;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)rnd(&state);
}

static size_t payload_size(uint64_t id)
{
    return 1 + (size_t)(id * 37 % PAYLOAD);
}

/* ---- the writer ---- */

static void open_writer(void)
{
    struct append_config c = {dir, (int64_t)(64 + below(&w.rng, 600)), 0, 0};
    char why[256] = "";

    w.a = append_open(&c, why);
    MUST(w.a != NULL, "append_open: %s", why);
}

/* The segment that the frame just written lies in, and where it begins there. */
static size_t place(uint64_t first, uint64_t size_before, uint64_t *begin, uint64_t *end)
{
    struct stat st = stat_of(first);
    struct seg *s = seg_of(first);
    size_t i = w.nsegs;

    *begin = size_before;
    *end = (uint64_t)st.st_size;
    if (s != NULL && s->inode == st.st_ino)
        return (size_t)(s - w.segs);
    if (st.st_ino == 0) { /* deleted under the writer, which does not know */
        while (w.segs[--i].first != first)
            ;
        return i;
    }
    if (s != NULL)
        s->deleted = true; /* replaced: nothing in it could be read */
    *begin = SEGMENT_HEADER;
    w.segs[w.nsegs++] = (struct seg){.first = first, .inode = st.st_ino};
    return i;
}

/* False when the model is full. */
static bool append_one(struct frame *f)
{
    uint64_t end = 0, before = (uint64_t)stat_of(append_segment(w.a)).st_size;
    uint8_t payload[PAYLOAD + 1];

    if (w.nframes == FRAMES || w.nsegs == SEGMENTS)
        return false;
    *f = (struct frame){.seq = w.next, .id = ++w.ids, .count = 1 + (uint32_t)below(&w.rng, 5)};
    fill(payload, payload_size(f->id), f->id);
    MUST(append_frame(w.a, payload, payload_size(f->id), f->count, &end) == 0, "%m");
    MUST(end == w.next + f->count && append_next_seq(w.a) == end, "end %" PRIu64, end);
    f->seg = place(append_segment(w.a), before, &f->begin, &f->end);
    note("%" PRIu64 "+%u in %" PRIu64 "[%" PRIu64 ",%" PRIu64 ")", f->seq, f->count,
         w.segs[f->seg].first, f->begin, f->end);
    return true;
}

static void do_append(void)
{
    struct frame *f = &w.frames[w.nframes];

    if (append_one(f)) {
        w.nframes++;
        w.next = f->seq + f->count;
    }
}

/* What a new writer has to find: the lowest number it may go on with, and whether it has a choice. */
static uint64_t lowest_next(bool *exact)
{
    const struct seg *newest = newest_seg();
    uint64_t low = newest != NULL ? newest->first : 0;

    for (size_t i = 0; i < w.nframes; i++) {
        const struct frame *f = &w.frames[i];
        const struct seg *s = &w.segs[f->seg];
        bool told = f->flips <= 1 && !f->cut && !s->deleted && !s->hurt;
        if (told && f->seq + f->count > low)
            low = f->seq + f->count;
    }
    for (size_t i = 0; i < w.nreaders; i++)
        if (w.readers[i].stored.position > low)
            low = w.readers[i].stored.position;
    /* A hurt one may look like a later version's, and then what it could hold counts too. */
    *exact = newest == NULL || !newest->hurt;
    for (size_t i = 0; i < w.nframes; i++) {
        const struct frame *f = &w.frames[i];
        const struct seg *s = &w.segs[f->seg];
        /* What was cut under a writer that wrote on has zeros in it. */
        bool hole = f->cut && (uint64_t)stat_of(s->first).st_size >= f->end;
        if (f->seq >= low && (f->flips > 0 || hole || s->hurt) && !s->deleted)
            *exact = false;
    }
    return low;
}

static void reopen_writer(void)
{
    const struct seg *newest = newest_seg();
    bool exact;
    uint64_t low = lowest_next(&exact), got;

    append_close(w.a);
    open_writer();
    got = append_next_seq(w.a);
    note(" next %" PRIu64, got);
    MUST(got >= low, "numbers from %" PRIu64 " on are used, it goes on at %" PRIu64, low, got);
    MUST(got <= w.next || (newest != NULL && newest->hurt),
         "it goes on at %" PRIu64 ", none was given after %" PRIu64, got, w.next);
    MUST(!exact || got == low, "there is nothing after %" PRIu64 ", it goes on at %" PRIu64, low,
         got);
    w.next = got;
    while (w.nframes > 0 && w.frames[w.nframes - 1].seq + w.frames[w.nframes - 1].count > got)
        w.nframes--;
}

/* ---- readers ---- */

static const char *name_of(const struct reader *r)
{
    return r == w.readers ? "a" : "b";
}

static void reader_stop(struct reader *r)
{
    tail_close(r->tail);
    cursor_close(&r->cursor);
    r->tail = NULL;
}

/* A worker goes on from its cursor. */
static void reader_start(struct reader *r)
{
    int opened = cursor_open(&r->cursor, dirfd_, name_of(r));
    struct cursor_state *s = &r->cursor.state;

    MUST(opened == 0, "cursor_open: %m");
    MUST(memcmp(s, &r->stored, sizeof *s) == 0, "position %" PRIu64 " was stored, %" PRIu64 " read",
         r->stored.position, s->position);
    r->tail = tail_open(dirfd_, s->position);
    MUST(r->tail != NULL);
    r->next = s->position;
    r->lost[TAIL_EXPIRED] = s->dropped[DROP_EXPIRED];
    r->lost[TAIL_DAMAGED] = s->dropped[DROP_DAMAGED];
    r->read = s->position - s->start - r->lost[0] - r->lost[1];
}

/* A new sink, or one whose cursor is lost: it begins at `start`. */
static void reader_create(struct reader *r, uint64_t start)
{
    MUST(cursor_create(dirfd_, name_of(r), start) == 0, "cursor_create: %m");
    r->stored = (struct cursor_state){.start = start, .keep = start, .position = start};
    r->before = r->stored;
    reader_start(r);
}

static void reader_store(struct reader *r)
{
    struct cursor_state *s = &r->cursor.state;

    s->keep = s->position = r->next;
    s->dropped[DROP_EXPIRED] = r->lost[TAIL_EXPIRED];
    s->dropped[DROP_DAMAGED] = r->lost[TAIL_DAMAGED];
    MUST(cursor_store(&r->cursor) == 0, "cursor_store: %m");
    r->before = r->stored;
    r->stored = *s;
    note(" %s stores %" PRIu64, name_of(r), r->next);
}

static void check_read(const struct tail_frame *f)
{
    uint8_t want[PAYLOAD + 1];

    for (size_t i = 0; i < w.nframes; i++) {
        const struct frame *m = &w.frames[i];
        if (m->seq != f->seq)
            continue;
        fill(want, payload_size(m->id), m->id);
        MUST(m->count == f->count && f->length == payload_size(m->id) &&
                 memcmp(want, f->payload, f->length) == 0,
             "frame %" PRIu64 " is not what was accepted", f->seq);
        return;
    }
    MUST(false, "frame %" PRIu64 " was never accepted", f->seq);
}

static void check_lost(const struct tail_frame *f)
{
    MUST(f->lost > 0 && f->seq + f->lost <= w.next, "%" PRIu64 "+%" PRIu64, f->seq, f->lost);
    MUST(w.damaged || f->reason == TAIL_EXPIRED, "nothing is damaged");
    for (size_t i = 0; i < w.nframes; i++) {
        const struct frame *m = &w.frames[i];
        MUST(m->seq >= f->seq + f->lost || m->seq + m->count <= f->seq || !intact(m),
             "%" PRIu64 "+%" PRIu64 " are called lost, but %" PRIu64 " is intact", f->seq, f->lost,
             m->seq);
    }
}

/* Nothing that can be read may be waited for. */
static void check_wait(uint64_t next)
{
    for (size_t i = 0; i < w.nframes; i++)
        MUST(w.frames[i].seq < next || !intact(&w.frames[i]),
             "it waits at %" PRIu64 ", but %" PRIu64 " is intact", next, w.frames[i].seq);
}

/* False when there is nothing more yet. */
static bool reader_step(struct reader *r)
{
    struct tail_frame f;
    enum tail_result t = tail_next(r->tail, &f);

    MUST(t != TAIL_ERROR, "tail_next: %m");
    if (t == TAIL_WAIT) {
        check_wait(r->next);
        return false;
    }
    MUST(f.seq == r->next, "at %" PRIu64 " it gets %" PRIu64, r->next, f.seq);
    if (t == TAIL_LOST) {
        note(" lost %" PRIu64 "+%" PRIu64, f.seq, f.lost);
        check_lost(&f);
        r->lost[f.reason] += f.lost;
        r->next += f.lost;
        return true;
    }
    check_read(&f);
    r->read += f.count;
    r->next += f.count;
    return true;
}

/* A cursor that damage has reached: what it says now, or a new one at the oldest. */
static void reader_again(struct reader *r, bool lost, bool older)
{
    struct cursor_state s;
    uint64_t oldest = w.next;

    if (!lost) {
        r->stored = older ? r->before : r->stored;
        r->before = r->stored;
        reader_start(r);
        reader_store(r); /* two good slots again, so that one more hit is as harmless */
        return;
    }
    MUST(cursor_read(dirfd_, name_of(r), &s) < 0 && (errno == ENOENT || errno == EBADMSG), "%m");
    for (size_t i = 0; i < w.nsegs; i++)
        if (!w.segs[i].deleted && w.segs[i].first < oldest)
            oldest = w.segs[i].first;
    reader_create(r, oldest);
}

#endif
