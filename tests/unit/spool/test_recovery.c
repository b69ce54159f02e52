/* tests/unit/spool/test_recovery.c - the spool against a simple model, under random operations, crashes and damage
 *
 * The model is a list of frames, each with the file and the bytes it lies in, and a list of
 * segments. A frame is `intact` while nobody has touched its bytes or its segment. Then, whatever
 * was done: an intact frame is read, whole and in its turn, by every reader; what a reader calls
 * lost holds nothing intact; what it reads was accepted under that number; every number is one or
 * the other; the writer always starts, and gives no number of a frame that can be told to have been
 * there to another.
 *
 * A sequence is short, and follows from its seed alone: GARNET_TEST_SEED=N runs that one again.
 */
#include <xxhash.h>

#include "base/log.h"
#include "rig/spool_model.h"

/* --- what happens --- */

static struct reader *any_reader(void)
{
    return &world.readers[random_below(&world.rng, world.nreaders)];
}

static void do_read(void)
{
    struct reader *r = any_reader();
    uint64_t k = 1 + random_below(&world.rng, 6);

    trace_note(" %s reads", name_of(r));
    while (k-- > 0 && reader_step(r))
        ;
    trace_note(" to %" PRIu64, r->next);
}

static void do_store(void)
{
    reader_store(any_reader());
}

static void do_reader_restart(void)
{
    struct reader *r = any_reader();

    trace_note(" %s restarts", name_of(r));
    reader_stop(r);
    reader_start(r);
}

/* It goes on, on a full disk, in one before a segment that somebody has deleted. */
static bool writer_went_back(void)
{
    for (size_t i = 0; world.a->fd >= 0 && i < world.nsegs; i++)
        if (world.segs[i].first > append_segment(world.a))
            return true;
    return false;
}

/* Workers end with garnetd. Whether their readers are new must not matter, though, unless numbers
 * that nothing tells of are given again, or the writer has gone back. */
static void do_restart(void)
{
    uint64_t was = world.next;
    bool back;

    trace_note(" restart");
    model_reopen_writer();
    back = world.next < was || writer_went_back();
    for (size_t i = 0; i < world.nreaders; i++)
        if (back || random_below(&world.rng, 2) == 0) {
            reader_stop(&world.readers[i]);
            reader_start(&world.readers[i]);
        }
}

static void all_restart(void)
{
    for (size_t i = 0; i < world.nreaders; i++)
        reader_stop(&world.readers[i]);
    model_reopen_writer();
    for (size_t i = 0; i < world.nreaders; i++)
        reader_start(&world.readers[i]);
}

static void cut_seg(struct seg *s, uint64_t size)
{
    int fd = seg_open(s->first);

    MUST(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "%m");
    (void)close(fd);
    trace_note(" cut %" PRIu64 " to %" PRIu64, s->first, size);
    s->hurt = s->hurt || size < SEGMENT_HEADER;
    for (size_t i = 0; i < world.nframes; i++)
        if (&world.segs[world.frames[i].seg] == s && world.frames[i].end > size)
            world.frames[i].cut = true;
    if (s->synced > size)
        s->synced = size;
}

/* Power fails: of the newest segment, what was not synced is there to any length. */
static void do_power_loss(void)
{
    struct seg *s = newest_seg();
    uint64_t size;

    trace_note(" power loss");
    if (s != NULL) {
        size = (uint64_t)stat_of(s->first).st_size;
        if (size > s->synced && size > SEGMENT_HEADER) {
            world.damaged = true; /* a cursor may be ahead of what is left */
            cut_seg(s, s->synced + random_below(&world.rng, size - s->synced + 1));
        }
    }
    all_restart();
}

/* What was in the file before: of an older life, and of this one. */
static struct image {
    ino_t inode;
    size_t n;
    uint8_t bytes[FILE_MAX];
} before;

static void remember_newest(void)
{
    const struct seg *s = newest_seg();
    int fd = s != NULL ? seg_open(s->first) : -1;
    ssize_t n = 0;

    before.inode = s != NULL ? s->inode : 0;
    if (fd >= 0) {
        n = pread(fd, before.bytes, sizeof before.bytes, 0);
        (void)close(fd);
    }
    before.n = n > 0 ? (size_t)n : 0;
}

/* From `at` on it is as before. */
static void tear(const struct seg *s, uint64_t at)
{
    int fd = seg_open(s->first);

    if (fd < 0)
        return;
    MUST(ftruncate(fd, (off_t)at) == 0, "%m");
    if (before.inode == s->inode && before.n > at)
        MUST(pwrite(fd, before.bytes + at, before.n - at, (off_t)at) == (ssize_t)(before.n - at));
    (void)close(fd);
    trace_note(" at %" PRIu64, at);
}

/* kill -9 in the middle of a write: not all of the payload is there. */
static void do_torn_append(void)
{
    struct frame f;

    trace_note(" torn ");
    remember_newest();
    if (append_one(&f))
        tear(&world.segs[f.seg],
             f.begin + random_below(&world.rng, f.end - f.begin - FRAME_TRAILER - 8));
    all_restart();
}

static void do_sync(void)
{
    struct seg *s = newest_seg();

    if (s != NULL)
        s->synced = (uint64_t)stat_of(s->first).st_size;
    trace_note(" sync");
}

static void do_flip(void)
{
    struct seg *s = any_seg();
    uint64_t size = s != NULL ? (uint64_t)stat_of(s->first).st_size : 0, at;
    uint8_t c;
    int fd;

    if (size == 0)
        return;
    at = random_below(&world.rng, size);
    fd = seg_open(s->first);
    MUST(fd >= 0 && pread(fd, &c, 1, (off_t)at) == 1, "%m");
    c = (uint8_t)(c ^ (1U << random_below(&world.rng, 8)));
    MUST(pwrite(fd, &c, 1, (off_t)at) == 1, "%m");
    (void)close(fd);
    trace_note(" flip %" PRIu64 " at %" PRIu64, s->first, at);
    world.damaged = true;
    if (at < SEGMENT_HEADER) {
        s->hit[at / COPY] = true;
        s->hurt = s->hurt || (s->hit[0] && s->hit[1]);
    }
    for (size_t i = 0; i < world.nframes; i++)
        if (&world.segs[world.frames[i].seg] == s && at >= world.frames[i].begin &&
            at < world.frames[i].end)
            world.frames[i].flips++;
}

static void do_delete(void)
{
    struct seg *s = any_seg();
    char name[SEGMENT_NAME];

    if (s == NULL)
        return;
    segment_name(name, s->first);
    MUST(unlinkat(model_dir.fd, name, 0) == 0, "%m");
    s->deleted = world.damaged = true;
    trace_note(" delete %" PRIu64, s->first);
}

static void do_cut(void)
{
    struct seg *s = any_seg();

    if (s == NULL)
        return;
    world.damaged = true;
    cut_seg(s, random_below(&world.rng, 3) == 0
                   ? 0
                   : random_below(&world.rng, (uint64_t)stat_of(s->first).st_size + 1));
}

/* A segment that a later version has written: a good header, but for its version. */
static void do_future(void)
{
    struct seg *s = any_seg();
    uint8_t head[SEGMENT_HEADER];
    uint64_t sum;
    int fd;

    if (s == NULL || s->hurt || (fd = seg_open(s->first)) < 0)
        return;
    MUST(pread(fd, head, sizeof head, 0) == SEGMENT_HEADER, "%m");
    for (uint8_t *copy = head; copy < head + SEGMENT_HEADER; copy += COPY) {
        copy[8] = 99;
        sum = htole64(XXH3_64bits(copy, COPY - 8));
        memcpy(copy + COPY - 8, &sum, sizeof sum);
    }
    MUST(pwrite(fd, head, sizeof head, 0) == SEGMENT_HEADER, "%m");
    (void)close(fd);
    s->hurt = world.damaged = true;
    trace_note(" future %" PRIu64, s->first);
}

/* None of these is a segment. */
static void do_foreign(void)
{
    static const char *const names[] = {"core",
                                        "7.seg",
                                        "00000000000000000007.seg.bak",
                                        ".00000000000000000007.seg.tmp",
                                        "lost+found",
                                        "99999999999999999999.seg"};
    const char *name = names[random_below(&world.rng, sizeof names / sizeof *names)];
    int fd = openat(model_dir.fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    if (fd >= 0) {
        MUST(write(fd, "GARNETSG", 8) == 8);
        (void)close(fd);
    }
    trace_note(" foreign %s", name);
}

static void do_seal(void)
{
    append_seal(world.a);
    trace_note(" seal");
}

static void hit_cursor(struct reader *r, bool newest)
{
    uint64_t at = (r->cursor.generation + !newest) % 2 * 512 + random_below(&world.rng, 512);
    uint8_t c;

    MUST(pread(r->cursor.fd, &c, 1, (off_t)at) == 1, "%m");
    c = (uint8_t)(c ^ (1U << random_below(&world.rng, 8)));
    MUST(pwrite(r->cursor.fd, &c, 1, (off_t)at) == 1, "%m");
    trace_note(" %s is hit%s", name_of(r), newest ? "" : " in its older slot");
    reader_stop(r);
    reader_again(r, false, newest);
}

static void lose_cursor(struct reader *r)
{
    if (random_below(&world.rng, 2) == 0)
        MUST(cursor_remove(model_dir.fd, name_of(r)) == 0, "%m");
    else
        MUST(ftruncate(r->cursor.fd, (off_t)random_below(&world.rng, 512)) == 0, "%m");
    trace_note(" %s is lost", name_of(r));
    reader_stop(r);
    reader_again(r, true, false);
}

static void do_cursor_damage(void)
{
    struct reader *r = any_reader();
    bool newest = random_below(&world.rng, 2) == 0;

    if (random_below(&world.rng, 4) == 0)
        lose_cursor(r);
    else
        hit_cursor(r, newest);
}

/* A new segment has found no room; as a rule after every reader has come to the end. */
static void disk_fills(void)
{
    for (size_t i = 0; i < world.nreaders && random_below(&world.rng, 8) > 0; i++) {
        while (reader_step(&world.readers[i]))
            ;
        reader_store(&world.readers[i]);
    }
    append_seal(world.a);
    world.a->folder.reserve.full = true;
    trace_note(" full");
}

/* Whether the newest, which began at `first`, has become the next one. */
static void see_reused(uint64_t first, uint64_t needed)
{
    struct seg *s = seg_of(first);

    if (s == NULL || append_segment(world.a) == first ||
        stat_of(append_segment(world.a)).st_ino != s->inode)
        return;
    MUST(append_segment(world.a) == world.next && needed >= world.next, "%" PRIu64 " was needed",
         first);
    s->deleted = true;
    if (world.nsegs < SEGMENTS)
        world.segs[world.nsegs++] = (struct seg){.first = world.next, .inode = s->inode};
    trace_note(" reused %" PRIu64, first);
}

/* The writer unlinks from the oldest, never the newest, and never what is needed without need. */
static void retain(bool bounded)
{
    uint64_t needed = world.next, bytes = append_bytes(world.a), newest = append_segment(world.a);
    int64_t reserve = (int64_t)random_below(&world.rng, 3) * 100;
    unsigned lost;

    for (size_t i = 0; i < world.nreaders; i++)
        if (world.readers[i].stored.keep < needed)
            needed = world.readers[i].stored.keep;
    append_configure(world.a, &(struct append_config){
                                  .segment_size = 64 + (int64_t)random_below(&world.rng, 600),
                                  .max_size = bounded ? 500 : 0,
                                  .reserve = reserve});
    lost = append_retain(world.a, needed, 0);
    trace_note(" retain from %" PRIu64 "%s", needed, bounded ? " in 500" : "");
    MUST(lost == 0 || (bounded && bytes + (uint64_t)reserve > 500), "%u removed without need",
         lost);
    see_reused(newest, needed);
    see_removed(needed, lost > 0);
}

static void do_retain(void)
{
    bool bounded = random_below(&world.rng, 2) == 0;

    if (random_below(&world.rng, 3) == 0)
        disk_fills();
    retain(bounded);
}

static void do_full(void)
{
    world.full = !world.full && disk != NULL;
    trace_note(world.full ? " disk full" : " disk has room");
}

/* --- a sequence --- */

static const struct chance acts[] = {
    {24, append_and_note}, {14, do_read},   {8, do_store},  {3, do_reader_restart},
    {3, do_restart},       {3, do_sync},    {3, do_seal},   {3, do_power_loss},
    {3, do_torn_append},   {4, do_flip},    {2, do_delete}, {2, do_cut},
    {1, do_future},        {1, do_foreign}, {4, do_retain}, {1, do_cursor_damage},
    {3, do_full},
};

/* Once something newer stands behind everything, each reader comes to the end: what it did not read
 * it has counted. So does one that begins at the very first. */
static void settle(void)
{
    struct reader late = {.tail = tail_open(model_dir.fd, 0)};

    trace_note("\n  settle:");
    world.full = false;
    do_restart();
    append_and_note();
    for (size_t i = 0; i < world.nreaders; i++) {
        struct reader *r = &world.readers[i];
        while (reader_step(r))
            ;
        MUST(r->next == world.next, "%s stays at %" PRIu64, name_of(r), r->next);
        MUST(r->next - r->cursor.state.start == r->read + r->lost[0] + r->lost[1]);
        reader_store(r);
        reader_stop(r);
    }
    MUST(late.tail != NULL);
    while (reader_step(&late))
        ;
    MUST(late.next == world.next, "a late one stays at %" PRIu64, late.next);
    tail_close(late.tail);
}

static void begin(uint64_t seed, size_t most_readers)
{
    static const char *const names[] = {"a", "b"};

    world = (struct world){.rng = seed};
    trace_reset();
    trace_note("GARNET_TEST_SEED=%" PRIu64 ":", seed);
    model_open_writer();
    world.nreaders = 1 + random_below(&world.rng, most_readers);
    for (size_t i = 0; i < world.nreaders; i++)
        reader_create(&world.readers[i], 0);
    MUST(cursor_list_write(model_dir.fd, names, (unsigned)world.nreaders) == 0);
}

static void end(void)
{
    settle();
    append_close(world.a);
}

static void sequence(uint64_t seed)
{
    begin(seed, READERS);
    for (uint64_t ops = 8 + random_below(&world.rng, 10); ops > 0; ops--)
        act_by_chance(acts, sizeof acts / sizeof *acts, &world.rng);
    end();
}

static void in_memory(void (*run)(uint64_t seed), uint64_t seed)
{
    (void)snprintf(model_dir.path, sizeof model_dir.path, DISK);
    disk_reset();
    model_dir.fd = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run(seed);
    (void)close(model_dir.fd);
    for (int i = 0; i < OPENS; i++)
        MUST(disk->opens[i].node < 0, "descriptor %d is left open", i);
}

/* On a disk in memory, for its speed. */
Test(model, random_operations_crashes_and_damage)
{
    const char *one = getenv("GARNET_TEST_SEED");
    uint64_t n = SEQUENCES / STRIDE * (is_long_run() ? 10 : 1);

    log_set_level(LOG_L_ERROR);
    if (one != NULL) {
        in_memory(sequence, strtoull(one, NULL, 10));
        puts(trace.text);
    }
    for (uint64_t seed = 1; one == NULL && seed <= n; seed++)
        in_memory(sequence, seed);
}

/* Appends find no room, so retention makes the newest the next, with nothing in it yet. Then the only cursor goes back to
 * its older slot: that name is all that tells of the numbers before it. */
static void reused_then_hit(uint64_t seed)
{
    struct reader *r = &world.readers[0];

    begin(seed, 1);
    append_and_note();
    while (reader_step(r))
        ;
    reader_store(r);
    append_seal(world.a);
    do_full();
    append_and_note();
    retain(false);
    MUST(seg_of(world.next) != NULL, "the model has not seen that it is reused");
    hit_cursor(r, true);
    MUST(r->next == 0 && world.next > 0);
    do_restart();
    end();
}

Test(model, a_cursor_goes_back_before_a_newest_that_was_reused)
{
    log_set_level(LOG_L_ERROR);
    for (uint64_t seed = 1; seed <= 100; seed++)
        in_memory(reused_then_hit, seed);
}

/* And on the machine's own, which has its own idea of times and inodes. */
Test(model, the_same_on_a_real_file_system)
{
    log_set_level(LOG_L_ERROR);
    model_dir.fd = memory_dir(model_dir.path);
    for (uint64_t seed = 1; seed <= SEQUENCES / 50 / STRIDE; seed++) {
        sequence(seed);
        empty_dir(model_dir.fd);
    }
    remove_dir(model_dir.fd, model_dir.path);
}
