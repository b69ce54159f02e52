/* tests/unit/spool/test_append_full_newest.c - the newest segment is all there is on a full disk: it becomes the next, and gives way */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "rig/crash_full.h"

TestSuite(append_full_newest, .timeout = 60);

static uint64_t on_no_room(void *arg)
{
    (void)arg;
    full.asked++;
    return full.next;
}

/* The newest is all that there is, and all of it is sent. */
Test(append_full_newest, the_newest_becomes_the_next)
{
    full_begin(0);
    full_put_many(2);
    disk->full = true;
    for (int i = 0; i < 50; i++)
        if (full_put() < 0) {
            full_read_on();
            append_retain(full.a, full.next, 0);
            full_put_many(1);
        }
    full_all_is_read();
    cr_assert_eq(full.expired, 0);
    cr_assert_eq(full.read, 156);
    full_end();
}

/* The newest is all there is, and all of it is read, though it may be asked for once more. */
static void keep_only_the_newest(void)
{
    struct reserve *r = &full.a->folder.reserve;

    full_put_many(2);
    while (r->n > 0) { /* as somebody might */
        char name[RESERVE_NAME];

        reserve_name(name, r->v[0].id);
        cr_assert_eq(unlinkat(append_dirfd(full.a), name, 0), 0);
        r->bytes -= r->v[0].bytes;
        r->v[0] = r->v[--r->n];
    }
    disk->full = true;
    while (full_put() == 0)
        ;
    cr_assert_eq(errno, ENOSPC);
    cr_assert_eq(full_files(), 1);
}

Test(append_full_newest, the_newest_gives_way_to_what_comes)
{
    full_begin(RESERVE);
    keep_only_the_newest();
    full.a->folder.ev.passed = on_no_room;
    cr_assert_eq(full_put(), -1, "it is not passed");
    cr_assert_eq(full.begins, 0);
    for (int i = 0; i < 50; i++) {
        full_read_on();
        full_put_many(1);
        append_retain(full.a, 0, 0);
    }
    cr_assert_gt(full.begins, 0, "those who ask for it again are told");
    cr_assert_eq(append_oldest(full.a), full.begins);
    full_all_is_read();
    cr_assert_eq(full.expired, 0);
    cr_assert_lt(full.asked, 30, "only where there is no room");
    full_end();
}

Test(append_full_newest, the_newest_does_not_give_way_for_nothing)
{
    static const uint8_t large[4 * SIZE];
    uint64_t end_of_it;

    for (int reserve = 0; reserve <= RESERVE; reserve += RESERVE) {
        full_begin(reserve);
        keep_only_the_newest();
        full.a->folder.ev.passed = on_no_room;
        full_read_on();
        cr_assert_eq(append_frame(full.a, large, sizeof large, 1, &end_of_it), -1);
        cr_assert_eq(errno, ENOSPC);
        if (reserve == 0) /* then nothing does */
            cr_assert_eq(full_put(), -1);
        cr_assert_eq(full.begins, 0);
        full_end();
        memset(&full, 0, sizeof full);
    }
}

/* The folder has no room for its new name: nothing is written behind what is another's header by then. */
Test(append_full_newest, the_newest_that_has_lost_its_header_takes_no_more)
{
    full_begin(RESERVE);
    full_put_many(3);
    full_read_on();
    full.a->folder.reserve.full = full.a->tight = true;
    disk->faults = (struct disk_faults){
        .counting = true, .kinds = 1 << CALL_RENAME, .error = ENOSPC, .left = 1};
    append_retain(full.a, full.next, 0);
    cr_assert_eq(disk->faults.fired, 1);
    disk->faults = (struct disk_faults){0};
    full_put_many(1);
    tail_close(full.tail);
    full.tail = tail_open(append_dirfd(full.a), full.next); /* who has nothing open of it */
    full_all_is_read();
    cr_assert_eq(full.read, 12);
    full_end();
}

/* Not what it is long, but what it has on the disk. */
Test(append_full_newest, what_becomes_the_next_has_all_its_room)
{
    unsigned n = 0;

    full_begin(0);
    full_put_many(2);
    cr_assert_eq(fallocate(full.a->fd, FALLOC_FL_KEEP_SIZE, 0, 4 * SIZE), 0);
    disk->full = true;
    while (full_put() == 0)
        ;
    full_read_on();
    append_retain(full.a, full.next, 0);
    while (full_put() == 0)
        n++;
    cr_assert_gt(n * PAYLOAD, 2 * SIZE);
    full_all_is_read();
    full_end();
}
