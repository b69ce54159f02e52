/* tests/unit/spool/test_append_full_starts.c - starts of the writer on a full disk: they go on in what is there */
#include <criterion/criterion.h>

#include "rig/crash_full.h"

TestSuite(append_full_starts, .timeout = 60);

Test(append_full_starts, a_restart_goes_on_in_the_same_files)
{
    full_begin(RESERVE);
    full_put_many(2);
    disk->full = true;
    for (int i = 0; i < 30; i++) {
        uint64_t next;

        full_put_many(3);
        full_read_on();
        next = append_next_seq(full.a);
        append_close(full.a);
        tail_close(full.tail);
        full_open(RESERVE);
        full.begins = 0;
        full.tail = tail_open(append_dirfd(full.a), full.next);
        cr_assert_eq(append_next_seq(full.a), next);
        append_retain(full.a, full.next, 0);
    }
    full_all_is_read();
    cr_assert_eq(full.expired, 0);
    cr_assert_eq(full.read, 276);
    full_end();
}

/* Once more; it goes on there. */
static void start_in_newest(void)
{
    append_close(full.a);
    full_open(8 * SIZE);
    cr_assert_geq(full.a->fd, 0);
    cr_assert_eq(append_begun(full.a), append_segment(full.a));
}

/* Nothing is sent. With each start a little comes, and takes no more than it needs. */
Test(append_full_starts, a_start_takes_no_file)
{
    full_begin(8 * SIZE);
    full_put_many(1);
    disk->full = true;
    for (int i = 0; i < 28; i++) {
        full_put_many(1);
        start_in_newest();
    }
    cr_assert_eq(full.begins, 0, "nothing has given way");
    full_all_is_read();
    cr_assert_eq(full.read, 87);
    full_end();
}

/* Nor where there are blocks, and no inodes, or no more of a quota. */
Test(append_full_starts, nor_where_only_files_cannot_be_made)
{
    full_begin(8 * SIZE);
    full_put_many(1);
    disk->no_inodes = true;
    for (int i = 0; i < 28; i++) {
        start_in_newest();
        full_put_many(1);
    }
    cr_assert_eq(full.begins, 0, "nothing has given way");
    full_all_is_read();
    cr_assert_eq(full.read, 87);
    full_end();
}

/* And where they can, a start leaves none behind. */
Test(append_full_starts, a_start_leaves_no_file)
{
    unsigned n;

    full_begin(RESERVE);
    full_put_many(1);
    n = full_files();
    append_close(full.a);
    full_open(RESERVE);
    cr_assert_eq(full_files(), n);
    cr_assert_lt(full.a->fd, 0);
    full_end();
}

/* The helper of the one before is still there, and may be writing it again. */
Test(append_full_starts, what_another_may_be_at_is_not_gone_on_in)
{
    full_begin(RESERVE);
    disk->full = true;
    full_put_many(1);
    append_close(full.a);
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_LOCK, .error = EWOULDBLOCK, .left = 2};
    full_open(RESERVE);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    cr_assert_lt(full.a->fd, 0);
    full_put_many(1);
    cr_assert_eq(append_segment(full.a), 3);
    full_all_is_read();
    full_end();
}

/* A sync has failed since the start: nothing is added to it. */
Test(append_full_starts, what_is_sealed_is_not_gone_on_in)
{
    full_begin(RESERVE);
    disk->full = true;
    full_put_many(1);
    append_close(full.a);
    full_open(RESERVE);
    cr_assert_eq(append_begun(full.a), 0);
    cr_assert_eq(append_seal(full.a), 3);
    cr_assert_eq(append_begun(full.a), 3);
    full_put_many(1);
    cr_assert_eq(append_segment(full.a), 3);
    full_all_is_read();
    full_end();
}

/* Nothing is sent, and each start begins a segment: what has room and little in it gives way, too. */
Test(append_full_starts, restarts_while_nothing_is_sent)
{
    full_begin(RESERVE);
    disk->full = true;
    for (int i = 0; i < 20; i++) {
        full_put_many(1);
        append_seal(full.a);
        append_close(full.a);
        disk->full = false; /* as far as it knows */
        full_open(RESERVE);
        disk->full = true;
        full.begins = 0;
    }
    full_read_on();
    cr_assert_eq(full.next, 60);
    cr_assert_eq(full.damaged, 0);
    cr_assert_gt(full.read, 0);
    full_end();
}
