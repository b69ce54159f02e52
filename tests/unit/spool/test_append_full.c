/* tests/unit/spool/test_append_full.c - the writer on a full disk: its reserve, files that become other segments, what gives way
 *
 * On the disk in memory of rig/crash_disk.h, where full means: no file gets more room than it has, and none is
 * made.
 */
#include <dirent.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rig/crash_disk.h"
#include "spool/append.h"
#include "spool/blocks.h"
#include "spool/cursor.h"
#include "spool/tail.h"

enum { PAYLOAD = 100, SIZE = 1024 /* of a segment */, RESERVE = 2 * SIZE };

static struct {
    struct append *a;
    struct tail *tail;
    uint64_t next, read, expired, damaged; /* the reader */
    uint64_t begins;                       /* said to be where the spool begins */
    unsigned asked;                        /* what has been passed */
} w;

static void on_begins(void *arg, uint64_t oldest)
{
    (void)arg;
    cr_assert_gt(oldest, w.begins);
    w.begins = oldest;
}

static uint64_t on_no_room(void *arg)
{
    (void)arg;
    w.asked++;
    return w.next;
}

static void open_spool(int64_t reserve)
{
    struct append_config c = {DISK, SIZE, 0, 0, reserve};
    struct why why = {0};

    log_set_level(LOG_L_ERROR);
    w.a = append_open(&c, &why);
    cr_assert_not_null(w.a, "%s", why.text);
    w.a->folder.ev.begins = on_begins;
}

/* What the helper does. */
static void make_reserve(void)
{
    struct reserve_file file;

    while (reserve_ask(&w.a->folder.reserve, &file)) {
        file.bytes = SIZE + 128; /* it asks for 64 KiB, more than there is on this disk */
        w.a->folder.reserve.asked.bytes = file.bytes;
        file.bytes = blocks_make(append_dirfd(w.a), &file);
        append_reserved(w.a, &file);
        if (file.bytes == 0)
            break;
    }
}

static void begin(int64_t reserve)
{
    disk_reset();
    open_spool(reserve);
    make_reserve();
}

static void end(void)
{
    if (w.tail != NULL)
        tail_close(w.tail);
    append_close(w.a);
    for (int i = 0; i < OPENS; i++)
        cr_assert_lt(disk->opens[i].node, 0, "descriptor %d is left open", i);
}

static int put(void)
{
    uint8_t payload[PAYLOAD];
    uint64_t seq = append_next_seq(w.a), end = 0;
    int r;

    memset(payload, (int)(seq & 0xff), sizeof payload);
    if ((r = append_frame(w.a, payload, sizeof payload, 3, &end)) == 0)
        cr_assert_eq(end, seq + 3);
    else
        cr_assert_eq(append_next_seq(w.a), seq);
    return r;
}

static void put_many(unsigned n)
{
    while (n-- > 0)
        cr_assert_eq(put(), 0, "%s", strerror(errno));
}

/* All that is there for a reader who began at the first. */
static void read_on(void)
{
    struct tail_frame f;
    enum tail_result r;

    if (w.tail == NULL)
        w.tail = tail_open(append_dirfd(w.a), 0);
    while ((r = tail_next(w.tail, &f)) != TAIL_WAIT) {
        cr_assert_neq(r, TAIL_ERROR);
        cr_assert_eq(f.seq, w.next);
        if (r == TAIL_LOST) {
            *(f.reason == TAIL_EXPIRED ? &w.expired : &w.damaged) += f.lost;
            w.next += f.lost;
            continue;
        }
        cr_assert_eq(f.length, PAYLOAD);
        for (size_t i = 0; i < f.length; i++)
            cr_assert_eq(((const uint8_t *)f.payload)[i], f.seq & 0xff);
        w.read += f.count;
        w.next += f.count;
    }
}

static void all_is_read(void)
{
    read_on();
    cr_assert_eq(w.next, append_next_seq(w.a));
    cr_assert_eq(w.damaged, 0);
}

static unsigned files(void)
{
    DIR *list = fdopendir(open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *d;
    unsigned n = 0;

    while ((d = readdir(list)) != NULL)
        n += strstr(d->d_name, ".seg") != NULL;
    closedir(list);
    return n;
}

TestSuite(append_full, .timeout = 60);

Test(append_full, it_goes_on_in_its_reserve)
{
    begin(RESERVE);
    cr_assert_geq(w.a->folder.reserve.bytes, RESERVE);
    put_many(2);
    disk->full = true;
    put_many(10);
    cr_assert(w.a->folder.reserve.full);
    all_is_read();
    cr_assert_eq(w.read, 36);
    cr_assert_eq(w.begins, 0, "nothing has given way");
    end();
}

/* Then its files are zeros from end to end. */
Test(append_full, it_needs_no_fallocate)
{
    disk_reset();
    disk->no_fallocate = true;
    open_spool(RESERVE);
    make_reserve();
    cr_assert_geq(w.a->folder.reserve.bytes, RESERVE);
    disk->full = true;
    put_many(10);
    all_is_read();
    cr_assert_geq(w.a->head.older, SIZE);
    end();
}

Test(append_full, it_was_full_from_the_start)
{
    begin(RESERVE);
    append_close(w.a);
    disk->full = true;
    open_spool(RESERVE);
    put_many(10);
    all_is_read();
    end();
}

Test(append_full, where_nothing_is_reserved_it_says_so)
{
    disk_reset();
    open_spool(RESERVE);
    disk->full = true;
    make_reserve();
    cr_assert_eq(put(), -1);
    cr_assert_eq(errno, ENOSPC);
    disk->full = false;
    put_many(1);
    disk->full = true;
    while (put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(w.begins, 0, "the only one does not give way");
    end();
}

/* What the sinks have done with becomes what comes: for ever, in the same files. */
Test(append_full, what_is_sent_makes_room)
{
    unsigned most = 0;

    begin(RESERVE);
    put_many(2);
    disk->full = true;
    for (int i = 0; i < 500; i++) {
        put_many(1);
        read_on();
        append_retain(w.a, w.next, 0);
        most = files() > most ? files() : most;
    }
    all_is_read();
    cr_assert_eq(w.read, 1506);
    cr_assert_eq(w.expired, 0);
    cr_assert_leq(most, 4);
    end();
}

/* Nothing is sent: the oldest goes, and who reads it is told, before and after. */
Test(append_full, the_oldest_gives_way)
{
    begin(RESERVE);
    put_many(2);
    read_on();
    disk->full = true;
    for (int i = 0; i < 200; i++) {
        put_many(1);
        if (i % 40 == 20)
            all_is_read(); /* from the middle of what is being written over */
    }
    all_is_read();
    cr_assert_eq(w.read + w.expired, 606);
    cr_assert_gt(w.expired, 0);
    cr_assert_eq(append_oldest(w.a), w.begins);
    end();
}

/* It is in a segment, and has not come to its end, when that is taken from it. */
Test(append_full, a_reader_in_what_gives_way_reads_nothing_of_the_next)
{
    struct tail_frame f;

    begin(RESERVE);
    disk->full = true;
    put_many(10); /* in two segments */
    w.tail = tail_open(append_dirfd(w.a), 0);
    cr_assert_eq(tail_next(w.tail, &f), TAIL_FRAME);
    w.next = w.read = 3;
    for (int i = 0; i < 40; i++) {
        put_many(1);
        if (i % 7 == 0 && tail_next(w.tail, &f) == TAIL_FRAME) {
            cr_assert_eq(f.seq, w.next);
            w.read += 3, w.next += 3;
        } else if (i % 7 == 0) {
            cr_assert_eq(f.reason, TAIL_EXPIRED);
            w.expired += f.lost, w.next += f.lost;
        }
    }
    all_is_read();
    cr_assert_eq(w.read + w.expired, 150);
    end();
}

Test(append_full, a_restart_goes_on_in_the_same_files)
{
    begin(RESERVE);
    put_many(2);
    disk->full = true;
    for (int i = 0; i < 30; i++) {
        uint64_t next;

        put_many(3);
        read_on();
        next = append_next_seq(w.a);
        append_close(w.a);
        tail_close(w.tail);
        open_spool(RESERVE);
        w.begins = 0;
        w.tail = tail_open(append_dirfd(w.a), w.next);
        cr_assert_eq(append_next_seq(w.a), next);
        append_retain(w.a, w.next, 0);
    }
    all_is_read();
    cr_assert_eq(w.expired, 0);
    cr_assert_eq(w.read, 276);
    end();
}

/* Nothing is sent. With each start a little comes, and takes no more than it needs. */
Test(append_full, a_start_takes_no_file)
{
    begin(8 * SIZE);
    put_many(1);
    disk->full = true;
    for (int i = 0; i < 28; i++) {
        put_many(1);
        append_close(w.a);
        open_spool(8 * SIZE);
        cr_assert_geq(w.a->fd, 0);
        cr_assert_eq(append_begun(w.a), append_segment(w.a));
    }
    cr_assert_eq(w.begins, 0, "nothing has given way");
    all_is_read();
    cr_assert_eq(w.read, 87);
    end();
}

/* Nor where there are blocks, and no inodes, or no more of a quota. */
Test(append_full, nor_where_only_files_cannot_be_made)
{
    begin(8 * SIZE);
    put_many(1);
    disk->no_inodes = true;
    for (int i = 0; i < 28; i++) {
        append_close(w.a);
        open_spool(8 * SIZE);
        cr_assert_geq(w.a->fd, 0);
        cr_assert_eq(append_begun(w.a), append_segment(w.a));
        put_many(1);
    }
    cr_assert_eq(w.begins, 0, "nothing has given way");
    all_is_read();
    cr_assert_eq(w.read, 87);
    end();
}

/* And where they can, a start leaves none behind. */
Test(append_full, a_start_leaves_no_file)
{
    unsigned n;

    begin(RESERVE);
    put_many(1);
    n = files();
    append_close(w.a);
    open_spool(RESERVE);
    cr_assert_eq(files(), n);
    cr_assert_lt(w.a->fd, 0);
    end();
}

/* The helper of the one before is still there, and may be writing it again. */
Test(append_full, what_another_may_be_at_is_not_gone_on_in)
{
    begin(RESERVE);
    disk->full = true;
    put_many(1);
    append_close(w.a);
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_LOCK, .error = EWOULDBLOCK, .left = 2};
    open_spool(RESERVE);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    cr_assert_lt(w.a->fd, 0);
    put_many(1);
    cr_assert_eq(append_segment(w.a), 3);
    all_is_read();
    end();
}

/* Nor does a clock that somebody sets: what cannot tell of now says that it is not known. */
Test(append_full, a_stepped_clock_takes_no_file)
{
    uint64_t segment;

    begin(RESERVE);
    disk->full = true;
    put_many(1);
    segment = append_segment(w.a);
    w.a->wall_ahead -= 2 * NS_PER_S;
    put_many(1);
    w.a->head.created_ns += 100 * NS_PER_S;
    put_many(1);
    cr_assert_eq(append_segment(w.a), segment);
    all_is_read();
    w.a->folder.reserve.full = disk->full = false;
    put_many(1);
    cr_assert_neq(append_segment(w.a), segment);
    all_is_read();
    end();
}

/* A sync has failed since the start: nothing is added to it. */
Test(append_full, what_is_sealed_is_not_gone_on_in)
{
    begin(RESERVE);
    disk->full = true;
    put_many(1);
    append_close(w.a);
    open_spool(RESERVE);
    cr_assert_eq(append_begun(w.a), 0);
    cr_assert_eq(append_seal(w.a), 3);
    cr_assert_eq(append_begun(w.a), 3);
    put_many(1);
    cr_assert_eq(append_segment(w.a), 3);
    all_is_read();
    end();
}

/* Nothing is sent, and each start begins a segment: what has room and little in it gives way, too. */
Test(append_full, restarts_while_nothing_is_sent)
{
    begin(RESERVE);
    disk->full = true;
    for (int i = 0; i < 20; i++) {
        put_many(1);
        append_seal(w.a);
        append_close(w.a);
        disk->full = false; /* as far as it knows */
        open_spool(RESERVE);
        disk->full = true;
        w.begins = 0;
    }
    read_on();
    cr_assert_eq(w.next, 60);
    cr_assert_eq(w.damaged, 0);
    cr_assert_gt(w.read, 0);
    end();
}

/* One for which there is nowhere room costs nobody anything. */
Test(append_full, nothing_gives_way_for_what_fits_nowhere)
{
    static const uint8_t large[4 * SIZE];
    uint64_t end_of_it;

    begin(RESERVE);
    disk->full = true;
    put_many(9);
    cr_assert_eq(append_frame(w.a, large, sizeof large, 1, &end_of_it), -1);
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(w.begins, 0);
    all_is_read();
    cr_assert_eq(w.read, 27);
    end();
}

Test(append_full, without_a_reserve_nothing_gives_way)
{
    begin(0);
    put_many(20);
    disk->full = true;
    while (put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(w.begins, 0);
    disk->full = false;
    put_many(1);
    cr_assert_not(w.a->folder.reserve.full);
    all_is_read();
    end();
}

Test(append_full, there_is_room_again)
{
    begin(RESERVE);
    disk->full = true;
    put_many(10);
    make_reserve();
    cr_assert(w.a->folder.reserve.full, "the helper has found none");
    disk->full = false;
    w.a->folder.reserve.again_ns = 1;
    make_reserve();
    cr_assert_not(w.a->folder.reserve.full);
    cr_assert_geq(w.a->folder.reserve.bytes, RESERVE);
    put_many(20);
    all_is_read();
    end();
}

/* The newest is all that there is, and all of it is sent. */
Test(append_full, the_newest_becomes_the_next)
{
    begin(0);
    put_many(2);
    disk->full = true;
    for (int i = 0; i < 50; i++)
        if (put() < 0) {
            read_on();
            append_retain(w.a, w.next, 0);
            put_many(1);
        }
    all_is_read();
    cr_assert_eq(w.expired, 0);
    cr_assert_eq(w.read, 156);
    end();
}

/* The newest is all there is, and all of it is read, though it may be asked for once more. */
static void keep_only_the_newest(void)
{
    struct reserve *r = &w.a->folder.reserve;

    put_many(2);
    while (r->n > 0) { /* as somebody might */
        char name[RESERVE_NAME];

        reserve_name(name, r->v[0].id);
        cr_assert_eq(unlinkat(append_dirfd(w.a), name, 0), 0);
        r->bytes -= r->v[0].bytes;
        r->v[0] = r->v[--r->n];
    }
    disk->full = true;
    while (put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(files(), 1);
}

Test(append_full, the_newest_gives_way_to_what_comes)
{
    begin(RESERVE);
    keep_only_the_newest();
    w.a->folder.ev.passed = on_no_room;
    cr_assert_eq(put(), -1, "it is not passed");
    cr_assert_eq(w.begins, 0);
    for (int i = 0; i < 50; i++) {
        read_on();
        put_many(1);
        append_retain(w.a, 0, 0);
    }
    cr_assert_gt(w.begins, 0, "those who ask for it again are told");
    cr_assert_eq(append_oldest(w.a), w.begins);
    all_is_read();
    cr_assert_eq(w.expired, 0);
    cr_assert_lt(w.asked, 30, "only where there is no room");
    end();
}

Test(append_full, the_newest_does_not_give_way_for_nothing)
{
    static const uint8_t large[4 * SIZE];
    uint64_t end_of_it;

    for (int reserve = 0; reserve <= RESERVE; reserve += RESERVE) {
        begin(reserve);
        keep_only_the_newest();
        w.a->folder.ev.passed = on_no_room;
        read_on();
        cr_assert_eq(append_frame(w.a, large, sizeof large, 1, &end_of_it), -1);
        cr_assert_eq(errno, ENOSPC);
        if (reserve == 0) /* then nothing does */
            cr_assert_eq(put(), -1);
        cr_assert_eq(w.begins, 0);
        end();
        memset(&w, 0, sizeof w);
    }
}

/* The folder has no room for its new name: nothing is written behind what is another's header by then. */
Test(append_full, the_newest_that_has_lost_its_header_takes_no_more)
{
    begin(RESERVE);
    put_many(3);
    read_on();
    w.a->folder.reserve.full = w.a->tight = true;
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_RENAME, .error = ENOSPC, .left = 1};
    append_retain(w.a, w.next, 0);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    put_many(1);
    tail_close(w.tail);
    w.tail = tail_open(append_dirfd(w.a), w.next); /* who has nothing open of it */
    all_is_read();
    cr_assert_eq(w.read, 12);
    end();
}

static int put_large(size_t n)
{
    static const uint8_t large[8 * SIZE];
    uint64_t end_of_it;

    return append_frame(w.a, large, n, 1, &end_of_it);
}

/* Not what it is long, but what it has on the disk. */
Test(append_full, what_becomes_the_next_has_all_its_room)
{
    unsigned n = 0;

    begin(0);
    put_many(2);
    cr_assert_eq(fallocate(w.a->fd, FALLOC_FL_KEEP_SIZE, 0, 4 * SIZE), 0);
    disk->full = true;
    while (put() == 0)
        ;
    read_on();
    append_retain(w.a, w.next, 0);
    while (put() == 0)
        n++;
    cr_assert_gt(n * PAYLOAD, 2 * SIZE);
    all_is_read();
    end();
}

/* The room that it did not fit into is there for what does. */
Test(append_full, what_fits_nowhere_is_refused_alone)
{
    for (int reserve = 0; reserve <= RESERVE; reserve += RESERVE) {
        begin(reserve);
        put_many(5);
        disk->full = true;
        while (put() == 0 && w.begins == 0)
            ;
        read_on();
        append_retain(w.a, w.next, 0);
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(put_large(8 * SIZE), -1);
            cr_assert_eq(errno, ENOSPC);
            append_retain(w.a, w.next, 0);
            put_many(1);
            cr_assert_eq(put_large(8 * SIZE), -1);
            put_many(1);
            read_on();
        }
        append_seal(w.a);
        append_retain(w.a, w.next, 0);
        put_many(1);
        all_is_read();
        end();
        memset(&w, 0, sizeof w);
    }
}

/* Each segment has exactly one frame, and no byte more. */
Test(append_full, one_that_is_just_as_large_gives_way)
{
    enum { EXACT = SIZE - SEGMENT_HEADER - FRAME_HEADER - FRAME_TRAILER };

    disk_reset();
    open_spool(RESERVE);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(put_large(EXACT), 0);
    disk->full = true;
    for (int i = 0; i < 20; i++)
        cr_assert_eq(put_large(EXACT), 0, "%d: %m", i);
    cr_assert_gt(w.begins, 0);
    cr_assert_leq(w.begins, 20);
    end();
}

/* The reserve has all that is wanted, in files that are too small for it. */
Test(append_full, what_gives_way_is_not_given_to_others)
{
    begin(RESERVE);
    cr_assert_eq(put_large(4 * SIZE), 0);
    put_many(3);
    disk->full = true;
    cr_assert_eq(put_large(4 * SIZE), 0, "%m");
    cr_assert_eq(w.begins, 1);
    put_many(3);
    cr_assert_eq(put_large(4 * SIZE), 0, "%m");
    end();
}

Test(append_full, one_bad_file_silences_nothing)
{
    begin(2 * RESERVE);
    put_many(2);
    disk->full = true;
    while (w.a->folder.reserve.n > 2)
        put_many(1);
    while (w.a->fd >= 0) /* the next one begins a segment */
        append_seal(w.a);
    disk->faults =
        (struct disk_faults){.counting = true, .kinds = 1 << CALL_OPEN, .error = EIO, .left = 1};
    put_many(1);
    cr_assert_eq(disk->faults.fired, 1);
    cr_assert_eq(w.a->folder.reserve.n, 0, "one is left out, one is used");
    disk->faults = (struct disk_faults){0};
    all_is_read();
    end();
}

/* The folder has no room for the name of one: that says nothing of the files. */
Test(append_full, a_name_that_has_no_room_is_not_the_end)
{
    begin(RESERVE);
    put_many(2);
    disk->full = true;
    while (w.a->fd >= 0) /* the next one begins a segment */
        append_seal(w.a);
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_RENAME, .error = ENOSPC, .left = 1};
    put_many(1);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    cr_assert_not(w.a->folder.reserve.elsewhere);
    put_many(100);
    cr_assert_gt(w.begins, 0, "the oldest gives way");
    all_is_read();
    end();
}

/* What cannot be removed is in nobody's way. */
Test(append_full, what_cannot_be_removed_is_passed_over)
{
    char name[SEGMENT_NAME];

    begin(RESERVE);
    put_many(20);
    segment_name(name, 0);
    cr_assert_eq(unlinkat(append_dirfd(w.a), name, 0), 0);
    cr_assert_eq(mkdirat(append_dirfd(w.a), name, 0700), 0);
    disk->full = true;
    put_many(100);
    cr_assert_gt(w.begins, 100);
    end();
}

/* --- a new sink --- */

/* A cursor that is being made is the sink's, whatever that is called. */
Test(append_full, a_sink_may_be_called_spare)
{
    static const char *const TEMP = "cursors/.spare.tmp";
    int fd;

    begin(RESERVE);
    cr_assert_eq(mkdirat(append_dirfd(w.a), "cursors", 0700), 0);
    fd = openat(append_dirfd(w.a), TEMP, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, "begun", 5), 5);
    close(fd);
    cursor_make_spares(append_dirfd(w.a));
    fd = openat(append_dirfd(w.a), TEMP, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0, "it is still there");
    close(fd);
    end();
}

static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

Test(append_full, a_new_sink_has_a_cursor_and_is_listed)
{
    struct cursor_state s;
    struct cursor c;

    begin(RESERVE);
    disk->exchanges = true;
    cr_assert_eq(cursor_list_write(append_dirfd(w.a), NAMES, 0), 0);
    cursor_make_spares(append_dirfd(w.a));
    disk->full = true;
    for (unsigned i = 0; i < 8; i++) {
        cr_assert_eq(cursor_create(append_dirfd(w.a), NAMES[i], 5 + i), 0, "%u: %s", i,
                     strerror(errno));
        cr_assert_eq(cursor_list_write(append_dirfd(w.a), NAMES, i + 1), 0, "%s", strerror(errno));
        cr_assert(cursor_listed(append_dirfd(w.a), NAMES[i]));
        cr_assert_not(cursor_listed(append_dirfd(w.a), NAMES[i + 1]));
        cr_assert_eq(cursor_read(append_dirfd(w.a), NAMES[i], &s), 0);
        cr_assert_eq(s.start, 5 + i);
        cr_assert_eq(cursor_open(&c, append_dirfd(w.a), NAMES[i]), 0);
        c.state.position += 3;
        cr_assert_eq(cursor_store(&c), 0, "in place");
        cr_assert_eq(cursor_store(&c), 0);
        cursor_close(&c);
    }
    cr_assert_eq(cursor_create(append_dirfd(w.a), NAMES[8], 0), -1);
    cr_assert_eq(errno, ENOSPC);
    for (unsigned i = 0; i < 20; i++)
        cr_assert_eq(cursor_list_write(append_dirfd(w.a), NAMES, 1 + i % 8), 0);
    cr_assert_not(cursor_listed(append_dirfd(w.a), NAMES[6]));
    disk->exchanges = false;
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(cursor_list_write(append_dirfd(w.a), NAMES, 1 + i), 0, "some are left");
    disk->full = false;
    cursor_make_spares(append_dirfd(w.a));
    disk->full = true;
    cr_assert_eq(cursor_create(append_dirfd(w.a), NAMES[8], 0), 0);
    end();
}
