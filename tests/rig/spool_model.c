/* tests/rig/spool_model.c - what may be read, lost or waited for follows from the list of frames alone */
#include "rig/spool_model.h"

#include "base/why.h"

struct model_dir model_dir;
struct world world;

static bool intact(const struct frame *f)
{
    const struct seg *s = &world.segs[f->seg];

    return f->flips == 0 && !f->cut && !s->deleted && !s->hurt;
}

struct seg *seg_of(uint64_t first)
{
    for (size_t i = world.nsegs; i > 0; i--)
        if (world.segs[i - 1].first == first && !world.segs[i - 1].deleted)
            return &world.segs[i - 1];
    return NULL;
}

struct stat stat_of(uint64_t first)
{
    char name[SEGMENT_NAME];
    struct stat st = {0};

    segment_name(name, first);
    if (fstatat(model_dir.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        st = (struct stat){0};
    return st;
}

int seg_open(uint64_t first)
{
    char name[SEGMENT_NAME];

    segment_name(name, first);
    return openat(model_dir.fd, name, O_RDWR | O_CLOEXEC);
}

struct seg *any_seg(void)
{
    struct seg *there[SEGMENTS];
    size_t n = 0;

    for (size_t i = 0; i < world.nsegs; i++)
        if (!world.segs[i].deleted)
            there[n++] = &world.segs[i];
    return n > 0 ? there[random_below(&world.rng, n)] : NULL;
}

struct seg *newest_seg(void)
{
    struct seg *s = NULL;

    for (size_t i = 0; i < world.nsegs; i++)
        if (!world.segs[i].deleted && (s == NULL || world.segs[i].first >= s->first))
            s = &world.segs[i];
    return s;
}

static void fill(uint8_t *p, size_t n, uint64_t id)
{
    uint64_t state = id;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)random_next(&state);
}

static size_t payload_size(uint64_t id)
{
    return 1 + (size_t)(id * 37 % PAYLOAD);
}

void model_open_writer(void)
{
    struct append_config c = {model_dir.path, (int64_t)(64 + random_below(&world.rng, 600)), 0, 0,
                              (int64_t)random_below(&world.rng, 3) * 700};
    struct why why = {0};

    if (disk != NULL)
        disk->full = world.full;
    world.a = append_open(&c, &why);
    if (disk != NULL)
        disk->full = false;
    if (world.a != NULL && world.a->fd >= 0)
        trace_note(" goes on in %" PRIu64, append_segment(world.a));
    MUST(world.a != NULL, "append_open: %s", why.text);
}

uint64_t newest_bytes(void)
{
    const struct inventory *v = &world.a->folder;

    return v->n > 0 ? v->held[v->n - 1].bytes : 0;
}

void see_removed(uint64_t needed, bool lost)
{
    for (size_t i = 0; i < world.nsegs; i++) {
        if (world.segs[i].deleted || stat_of(world.segs[i].first).st_ino == world.segs[i].inode)
            continue;
        MUST(world.segs[i].first != append_segment(world.a), "the newest is gone");
        world.segs[i].deleted = true;
        trace_note(" -%" PRIu64, world.segs[i].first);
        for (size_t j = 0; j < world.nframes; j++)
            MUST(world.frames[j].seg != i ||
                     world.frames[j].seq + world.frames[j].count <= needed || lost,
                 "%" PRIu64 " was needed", world.frames[j].seq);
    }
}

/* The segment that the frame just written lies in. */
static size_t place(uint64_t first)
{
    struct stat st = stat_of(first);
    struct seg *s = seg_of(first);
    size_t i = world.nsegs;

    if (s != NULL && s->inode == st.st_ino)
        return (size_t)(s - world.segs);
    if (st.st_ino == 0) { /* deleted under the writer, which does not know */
        while (world.segs[--i].first != first)
            ;
        return i;
    }
    if (s != NULL)
        s->deleted = true; /* replaced: nothing in it could be read */
    world.segs[world.nsegs++] = (struct seg){.first = first, .inode = st.st_ino};
    return i;
}

static int append_payload(const uint8_t *payload, const struct frame *f, uint64_t *end)
{
    int r;

    if (disk != NULL)
        disk->full = world.full;
    r = append_frame(world.a, payload, payload_size(f->id), f->count, end);
    if (disk != NULL)
        disk->full = false;
    return r;
}

bool append_one(struct frame *f)
{
    uint8_t payload[PAYLOAD + 1];
    uint64_t end = 0;

    if (world.nframes == FRAMES || world.nsegs == SEGMENTS)
        return false;
    *f = (struct frame){
        .seq = world.next, .id = ++world.ids, .count = 1 + (uint32_t)random_below(&world.rng, 5)};
    fill(payload, payload_size(f->id), f->id);
    if (append_payload(payload, f, &end) < 0) {
        MUST(world.full && errno == ENOSPC, "%m");
        trace_note("%" PRIu64 " finds no room", f->seq);
        see_removed(0, true);
        return false;
    }
    MUST(end == world.next + f->count && append_next_seq(world.a) == end, "end %" PRIu64, end);
    f->seg = place(append_segment(world.a));
    f->end = newest_bytes();
    f->begin = f->end - frame_size((uint32_t)payload_size(f->id));
    trace_note("%" PRIu64 "+%u in %" PRIu64 "[%" PRIu64 ",%" PRIu64 ")", f->seq, f->count,
               world.segs[f->seg].first, f->begin, f->end);
    see_removed(0, world.full);
    return true;
}

void append_and_note(void)
{
    struct frame *f = &world.frames[world.nframes];

    if (append_one(f)) {
        world.nframes++;
        world.next = f->seq + f->count;
    }
}

/* What a new writer has to find: the lowest number it may go on with, and whether it has a choice. */
static uint64_t lowest_next(bool *exact)
{
    const struct seg *newest = newest_seg();
    uint64_t low = newest != NULL ? newest->first : 0;

    for (size_t i = 0; i < world.nframes; i++) {
        const struct frame *f = &world.frames[i];
        const struct seg *s = &world.segs[f->seg];
        bool told = f->flips <= 1 && !f->cut && !s->deleted && !s->hurt;
        if (told && f->seq + f->count > low)
            low = f->seq + f->count;
    }
    for (size_t i = 0; i < world.nreaders; i++)
        if (world.readers[i].stored.position > low)
            low = world.readers[i].stored.position;
    /* A hurt one may look like a later version's, and then what it could hold counts too. */
    *exact = newest == NULL || !newest->hurt;
    for (size_t i = 0; i < world.nframes; i++) {
        const struct frame *f = &world.frames[i];
        const struct seg *s = &world.segs[f->seg];
        /* What was cut under a writer that wrote on has zeros in it. */
        bool hole = f->cut && (uint64_t)stat_of(s->first).st_size >= f->end;
        if (f->seq >= low && (f->flips > 0 || hole || s->hurt) && !s->deleted)
            *exact = false;
    }
    return low;
}

void model_reopen_writer(void)
{
    const struct seg *newest = newest_seg();
    bool exact;
    uint64_t low = lowest_next(&exact), got;

    append_close(world.a);
    model_open_writer();
    got = append_next_seq(world.a);
    trace_note(" next %" PRIu64, got);
    MUST(got >= low, "numbers from %" PRIu64 " on are used, it goes on at %" PRIu64, low, got);
    MUST(got <= world.next || (newest != NULL && newest->hurt),
         "it goes on at %" PRIu64 ", none was given after %" PRIu64, got, world.next);
    MUST(!exact || got == low, "there is nothing after %" PRIu64 ", it goes on at %" PRIu64, low,
         got);
    world.next = got;
    while (world.nframes > 0 &&
           world.frames[world.nframes - 1].seq + world.frames[world.nframes - 1].count > got)
        world.nframes--;
}

const char *name_of(const struct reader *r)
{
    return r == world.readers ? "a" : "b";
}

void reader_stop(struct reader *r)
{
    tail_close(r->tail);
    cursor_close(&r->cursor);
    r->tail = NULL;
}

void reader_start(struct reader *r)
{
    int opened = cursor_open(&r->cursor, model_dir.fd, name_of(r));
    struct cursor_state *s = &r->cursor.state;

    MUST(opened == 0, "cursor_open: %m");
    MUST(memcmp(s, &r->stored, sizeof *s) == 0, "position %" PRIu64 " was stored, %" PRIu64 " read",
         r->stored.position, s->position);
    r->tail = tail_open(model_dir.fd, s->position);
    MUST(r->tail != NULL);
    r->next = s->position;
    r->lost[TAIL_EXPIRED] = s->dropped[DROP_EXPIRED];
    r->lost[TAIL_DAMAGED] = s->dropped[DROP_DAMAGED];
    r->read = s->position - s->start - r->lost[0] - r->lost[1];
}

void reader_create(struct reader *r, uint64_t start)
{
    MUST(cursor_create(model_dir.fd, name_of(r), start) == 0, "cursor_create: %m");
    r->stored = (struct cursor_state){.start = start, .keep = start, .position = start};
    r->before = r->stored;
    reader_start(r);
}

void reader_store(struct reader *r)
{
    struct cursor_state *s = &r->cursor.state;

    s->keep = s->position = r->next;
    s->dropped[DROP_EXPIRED] = r->lost[TAIL_EXPIRED];
    s->dropped[DROP_DAMAGED] = r->lost[TAIL_DAMAGED];
    MUST(cursor_store(&r->cursor) == 0, "cursor_store: %m");
    r->before = r->stored;
    r->stored = *s;
    trace_note(" %s stores %" PRIu64, name_of(r), r->next);
}

static void check_read(const struct tail_frame *f)
{
    uint8_t want[PAYLOAD + 1];

    for (size_t i = 0; i < world.nframes; i++) {
        const struct frame *m = &world.frames[i];
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
    MUST(f->lost > 0 && f->seq + f->lost <= world.next, "%" PRIu64 "+%" PRIu64, f->seq, f->lost);
    MUST(world.damaged || f->reason == TAIL_EXPIRED, "nothing is damaged");
    for (size_t i = 0; i < world.nframes; i++) {
        const struct frame *m = &world.frames[i];
        MUST(m->seq >= f->seq + f->lost || m->seq + m->count <= f->seq || !intact(m),
             "%" PRIu64 "+%" PRIu64 " are called lost, but %" PRIu64 " is intact", f->seq, f->lost,
             m->seq);
    }
}

/* Nothing that can be read may be waited for. */
static void check_wait(uint64_t next)
{
    for (size_t i = 0; i < world.nframes; i++)
        MUST(world.frames[i].seq < next || !intact(&world.frames[i]),
             "it waits at %" PRIu64 ", but %" PRIu64 " is intact", next, world.frames[i].seq);
}

bool reader_step(struct reader *r)
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
        trace_note(" lost %" PRIu64 "+%" PRIu64, f.seq, f.lost);
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

void reader_again(struct reader *r, bool lost, bool older)
{
    struct cursor_state s;
    uint64_t oldest = world.next;

    if (!lost) {
        r->stored = older ? r->before : r->stored;
        r->before = r->stored;
        reader_start(r);
        reader_store(r); /* two good slots again, so that one more hit is as harmless */
        return;
    }
    MUST(cursor_read(model_dir.fd, name_of(r), &s) < 0 && (errno == ENOENT || errno == EBADMSG),
         "%m");
    for (size_t i = 0; i < world.nsegs; i++)
        if (!world.segs[i].deleted && world.segs[i].first < oldest)
            oldest = world.segs[i].first;
    reader_create(r, oldest);
}
