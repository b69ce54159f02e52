/* tests/unit/spool/test_append_full.c - the writer on a full disk: its reserve, files that become other segments, what gives way */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "base/clock.h"
#include "rig/crash_full.h"
#include "spool/blocks.h"

TestSuite(append_full, .timeout = 60);

Test(append_full, it_goes_on_in_its_reserve)
{
    full_begin(RESERVE);
    cr_assert_geq(full.a->folder.reserve.bytes, RESERVE);
    full_put_many(2);
    disk->full = true;
    full_put_many(10);
    cr_assert(full.a->folder.reserve.full);
    full_all_is_read();
    cr_assert_eq(full.read, 36);
    cr_assert_eq(full.begins, 0, "nothing has given way");
    full_end();
}

/* Then its files are zeros from end to end. */
Test(append_full, it_needs_no_fallocate)
{
    disk_reset();
    disk->no_fallocate = true;
    full_open(RESERVE);
    full_make_reserve();
    cr_assert_geq(full.a->folder.reserve.bytes, RESERVE);
    disk->full = true;
    full_put_many(10);
    full_all_is_read();
    cr_assert_geq(full.a->head.older, SIZE);
    full_end();
}

Test(append_full, it_was_full_from_the_start)
{
    full_begin(RESERVE);
    append_close(full.a);
    disk->full = true;
    full_open(RESERVE);
    full_put_many(10);
    full_all_is_read();
    full_end();
}

Test(append_full, where_nothing_is_reserved_it_says_so)
{
    disk_reset();
    full_open(RESERVE);
    disk->full = true;
    full_make_reserve();
    cr_assert_eq(full_put(), -1);
    cr_assert_eq(errno, ENOSPC);
    disk->full = false;
    full_put_many(1);
    disk->full = true;
    while (full_put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(full.begins, 0, "the only one does not give way");
    full_end();
}

/* What the sinks have done with becomes what comes: for ever, in the same files. */
Test(append_full, what_is_sent_makes_room)
{
    unsigned most = 0;

    full_begin(RESERVE);
    full_put_many(2);
    disk->full = true;
    for (int i = 0; i < 500; i++) {
        full_put_many(1);
        full_read_on();
        append_retain(full.a, full.next, 0);
        most = full_files() > most ? full_files() : most;
    }
    full_all_is_read();
    cr_assert_eq(full.read, 1506);
    cr_assert_eq(full.expired, 0);
    cr_assert_leq(most, 4);
    full_end();
}

/* Nothing is sent: the oldest goes, and who reads it is told, before and after. */
Test(append_full, the_oldest_gives_way)
{
    full_begin(RESERVE);
    full_put_many(2);
    full_read_on();
    disk->full = true;
    for (int i = 0; i < 200; i++) {
        full_put_many(1);
        if (i % 40 == 20)
            full_all_is_read(); /* from the middle of what is being written over */
    }
    full_all_is_read();
    cr_assert_eq(full.read + full.expired, 606);
    cr_assert_gt(full.expired, 0);
    cr_assert_eq(append_oldest(full.a), full.begins);
    full_end();
}

/* It is in a segment, and has not come to its end, when that is taken from it. */
Test(append_full, a_reader_in_what_gives_way_reads_nothing_of_the_next)
{
    struct tail_frame f;

    full_begin(RESERVE);
    disk->full = true;
    full_put_many(10); /* in two segments */
    full.tail = tail_open(append_dirfd(full.a), 0);
    cr_assert_eq(tail_next(full.tail, &f), TAIL_FRAME);
    full.next = full.read = 3;
    for (int i = 0; i < 40; i++) {
        full_put_many(1);
        if (i % 7 == 0 && tail_next(full.tail, &f) == TAIL_FRAME) {
            cr_assert_eq(f.seq, full.next);
            full.read += 3, full.next += 3;
        } else if (i % 7 == 0) {
            cr_assert_eq(f.reason, TAIL_EXPIRED);
            full.expired += f.lost, full.next += f.lost;
        }
    }
    full_all_is_read();
    cr_assert_eq(full.read + full.expired, 150);
    full_end();
}

/* Nor does a clock that somebody sets: what cannot tell of now says that it is not known. */
Test(append_full, a_stepped_clock_takes_no_file)
{
    uint64_t segment;

    full_begin(RESERVE);
    disk->full = true;
    full_put_many(1);
    segment = append_segment(full.a);
    full.a->wall_ahead -= 2 * NS_PER_S;
    full_put_many(1);
    full.a->head.created_ns += 100 * NS_PER_S;
    full_put_many(1);
    cr_assert_eq(append_segment(full.a), segment);
    full_all_is_read();
    full.a->folder.reserve.full = disk->full = false;
    full_put_many(1);
    cr_assert_neq(append_segment(full.a), segment);
    full_all_is_read();
    full_end();
}

/* One for which there is nowhere room costs nobody anything. */
Test(append_full, nothing_gives_way_for_what_fits_nowhere)
{
    static const uint8_t large[4 * SIZE];
    uint64_t end_of_it;

    full_begin(RESERVE);
    disk->full = true;
    full_put_many(9);
    cr_assert_eq(append_frame(full.a, large, sizeof large, 1, &end_of_it), -1);
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(full.begins, 0);
    full_all_is_read();
    cr_assert_eq(full.read, 27);
    full_end();
}

Test(append_full, without_a_reserve_nothing_gives_way)
{
    full_begin(0);
    full_put_many(20);
    disk->full = true;
    while (full_put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(full.begins, 0);
    disk->full = false;
    full_put_many(1);
    cr_assert_not(full.a->folder.reserve.full);
    full_all_is_read();
    full_end();
}

Test(append_full, there_is_room_again)
{
    full_begin(RESERVE);
    disk->full = true;
    full_put_many(10);
    full_make_reserve();
    cr_assert(full.a->folder.reserve.full, "the helper has found none");
    disk->full = false;
    full.a->folder.reserve.again_ns = 1;
    full_make_reserve();
    cr_assert_not(full.a->folder.reserve.full);
    cr_assert_geq(full.a->folder.reserve.bytes, RESERVE);
    full_put_many(20);
    full_all_is_read();
    full_end();
}

static int put_large(size_t n)
{
    static const uint8_t large[8 * SIZE];
    uint64_t end_of_it;

    return append_frame(full.a, large, n, 1, &end_of_it);
}

/* The room that it did not fit into is there for what does. */
Test(append_full, what_fits_nowhere_is_refused_alone)
{
    for (int reserve = 0; reserve <= RESERVE; reserve += RESERVE) {
        full_begin(reserve);
        full_put_many(5);
        disk->full = true;
        while (full_put() == 0 && full.begins == 0)
            ;
        full_read_on();
        append_retain(full.a, full.next, 0);
        for (int i = 0; i < 3; i++) {
            cr_assert_eq(put_large(8 * SIZE), -1);
            cr_assert_eq(errno, ENOSPC);
            append_retain(full.a, full.next, 0);
            full_put_many(1);
            cr_assert_eq(put_large(8 * SIZE), -1);
            full_put_many(1);
            full_read_on();
        }
        append_seal(full.a);
        append_retain(full.a, full.next, 0);
        full_put_many(1);
        full_all_is_read();
        full_end();
        memset(&full, 0, sizeof full);
    }
}

/* Each segment has exactly one frame, and no byte more. */
Test(append_full, one_that_is_just_as_large_gives_way)
{
    enum { EXACT = SIZE - SEGMENT_HEADER - FRAME_HEADER - FRAME_TRAILER };

    disk_reset();
    full_open(RESERVE);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(put_large(EXACT), 0);
    disk->full = true;
    for (int i = 0; i < 20; i++)
        cr_assert_eq(put_large(EXACT), 0, "%d: %m", i);
    cr_assert_gt(full.begins, 0);
    cr_assert_leq(full.begins, 20);
    full_end();
}

/* The reserve has all that is wanted, in files that are too small for it. */
Test(append_full, what_gives_way_is_not_given_to_others)
{
    full_begin(RESERVE);
    cr_assert_eq(put_large(4 * SIZE), 0);
    full_put_many(3);
    disk->full = true;
    cr_assert_eq(put_large(4 * SIZE), 0, "%m");
    cr_assert_eq(full.begins, 1);
    full_put_many(3);
    cr_assert_eq(put_large(4 * SIZE), 0, "%m");
    full_end();
}

Test(append_full, one_bad_file_silences_nothing)
{
    full_begin(2 * RESERVE);
    full_put_many(2);
    disk->full = true;
    while (full.a->folder.reserve.n > 2)
        full_put_many(1);
    while (full.a->fd >= 0) /* the next one begins a segment */
        append_seal(full.a);
    disk->faults =
        (struct disk_faults){.counting = true, .kinds = 1 << CALL_OPEN, .error = EIO, .left = 1};
    full_put_many(1);
    cr_assert_eq(disk->faults.fired, 1);
    cr_assert_eq(full.a->folder.reserve.n, 0, "one is left out, one is used");
    disk->faults = (struct disk_faults){0};
    full_all_is_read();
    full_end();
}

/* The folder has no room for the name of one: that says nothing of the files. */
Test(append_full, a_name_that_has_no_room_is_not_the_end)
{
    full_begin(RESERVE);
    full_put_many(2);
    disk->full = true;
    while (full.a->fd >= 0) /* the next one begins a segment */
        append_seal(full.a);
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_RENAME, .error = ENOSPC, .left = 1};
    full_put_many(1);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    cr_assert_not(full.a->folder.reserve.elsewhere);
    full_put_many(100);
    cr_assert_gt(full.begins, 0, "the oldest gives way");
    full_all_is_read();
    full_end();
}

/* What cannot be removed is in nobody's way. */
Test(append_full, what_cannot_be_removed_is_passed_over)
{
    char name[SEGMENT_NAME];

    full_begin(RESERVE);
    full_put_many(20);
    segment_name(name, 0);
    cr_assert_eq(unlinkat(append_dirfd(full.a), name, 0), 0);
    cr_assert_eq(mkdirat(append_dirfd(full.a), name, 0700), 0);
    disk->full = true;
    full_put_many(100);
    cr_assert_gt(full.begins, 100);
    full_end();
}
