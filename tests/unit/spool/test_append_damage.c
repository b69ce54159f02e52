/* tests/unit/spool/test_append_damage.c - what a writer makes of torn tails, damage, strange files and cursors at its start */
#include <sys/resource.h>

#include "base/why.h"
#include "rig/spool_dir.h"
#include "spool/cursor.h"

TestSuite(append_damage, .init = spool_dir_make, .fini = spool_dir_remove);

Test(append_damage, nothing_acknowledged_is_lost_wherever_the_tail_is_torn)
{
    for (size_t cut = SEGMENT_HEADER + 2 * FRAME_OF_10; cut < SEGMENT_HEADER + 3 * FRAME_OF_10;
         cut++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        put_frame(a, 10);
        put_frame(a, 10);
        put_frame(a, 10); /* the write of this one is cut short: it was never acknowledged */
        append_close(a);
        truncate_segment(first, cut);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20, "cut at %zu", cut);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first + 20);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20);
        put_frame(a, 10);
        put_frame(a, 10);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 40);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

Test(append_damage, a_segment_torn_in_its_first_frame_or_header_is_replaced)
{
    for (size_t cut = 0; cut < SEGMENT_HEADER + FRAME_OF_10; cut++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        struct tail *t = tail_from(first, &n);
        put_frame(a, 10);
        append_close(a);
        truncate_segment(first, cut);
        read_all(t, &n); /* it holds the old file open */
        cr_assert_eq(n.delivered, 0);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first);
        put_frame(a, 20);
        cr_assert_eq(append_segment(a), first);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 20, "cut at %zu", cut);
        cr_assert_eq(n.damaged + n.expired, 0);
        tail_close(t);
        append_close(a);
    }
}

Test(append_damage, a_frame_with_a_bad_payload_keeps_its_numbers)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_OF_10 + FRAME_HEADER, 0);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 20);
    put_frame(a, 10);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 20);
    cr_assert_eq(n.damaged, 10);
    append_close(a);
}

Test(append_damage, frames_behind_damage_in_the_newest_segment_count)
{
    struct append *a = open_writer(1 << 20);

    for (int i = 0; i < 4; i++)
        put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_OF_10, 0);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 40);
    append_close(a);
}

/* The numbers of the last frame, whose header is gone, are in its trailer. */
Test(append_damage, a_last_frame_without_a_header_keeps_its_numbers_and_is_counted)
{
    for (size_t byte = 0; byte < FRAME_HEADER; byte++) {
        struct append *a = open_writer(1 << 20);
        uint64_t first = append_next_seq(a);
        struct read_total n;
        put_frame(a, 10);
        put_frame(a, 10);
        append_close(a);
        flip_segment_bit(first, SEGMENT_HEADER + FRAME_OF_10 + byte, 3);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), first + 20, "byte %zu", byte);
        put_frame(a, 10);
        n = read_all_from(first);
        cr_assert_eq(n.delivered, 20);
        cr_assert_eq(n.damaged, 10);
        append_close(a);
    }
}

Test(append_damage, a_segment_with_one_frame_without_a_header_is_not_replaced)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    append_close(a);
    flip_segment_bit(0, SEGMENT_HEADER, 0);
    a = open_writer(1 << 20);
    put_frame(a, 10);
    cr_assert_eq(count_segments(), 2);
    n = read_all_from(0);
    cr_assert_eq(n.damaged, 10);
    cr_assert_eq(n.delivered, 10);
    append_close(a);
}

/* Both copies of a segment's header. */
static void spoil_header(uint64_t first_seq)
{
    flip_segment_bit(first_seq, 12, 0);
    flip_segment_bit(first_seq, SEGMENT_HEADER / 2 + 12, 0);
}

Test(append_damage, a_segment_of_a_later_format_is_kept_skipped_and_counted)
{
    struct append *a = open_writer(1 << 20);
    unsigned char later[SEGMENT_HEADER + 640];
    struct segment_header h = {10, 1, 1, 0};
    struct read_total n;
    int fd;

    put_frame(a, 10);
    append_close(a);
    memset(later, 0x5a, sizeof later);
    segment_header_put(later, &h);
    later[8] = later[SEGMENT_HEADER / 2 + 8] = 99;
    fd = open_segment(10);
    cr_assert_eq(write(fd, later, sizeof later), (ssize_t)sizeof later);
    close(fd);
    for (int i = 0; i < 2; i++) {
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), 10 + 1 + sizeof later / 32 + (uint64_t)i * 10);
        put_frame(a, 10);
        append_close(a);
    }
    cr_assert_eq(segment_file_size(10), sizeof later);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 30);
    cr_assert_eq(n.damaged, 1 + sizeof later / 32);
}

/* An empty file will do, and anybody may have put it there. */
Test(append_damage, a_foreign_name_does_not_use_up_the_numbers)
{
    struct append *a;

    write_spool_file("09223372036854775807.seg", "");
    a = open_writer(4096);
    put_frame(a, 10);
    cr_assert_eq(append_next_seq(a), 10);
    append_close(a);
    write_spool_file("04611686018427387903.seg",
                     ""); /* one that could be ours leaves as many again */
    a = open_writer(4096);
    put_frame(a, 10);
    append_close(a);
}

/* Out of descriptors for a moment: not knowing what the cursors know, it does not start. */
Test(append_damage, a_cursor_that_cannot_be_read_just_now_is_not_ignored)
{
    static const char *const sinks[] = {"main"};
    struct append_config c = {spool_dir.path, 1 << 20, 0, 0, 0};
    struct append *a = open_writer(1 << 20);
    struct rlimit old, l;
    struct why why;
    int refused = 0;

    cr_assert_eq(cursor_create(append_dirfd(a), "main", 20), 0);
    cr_assert_eq(cursor_list_write(append_dirfd(a), sinks, 1), 0);
    append_close(a);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    l = old;
    int free_fd = dup(0);
    close(free_fd);
    for (rlim_t spare = 0; spare < 8; spare++) { /* fails here, there, and then no more */
        l.rlim_cur = (rlim_t)free_fd + spare;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
        a = append_open(&c, &why);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
        refused += a == NULL;
        if (a)
            cr_assert_eq(append_next_seq(a), 20, "%d descriptors", (int)spare);
        append_close(a);
    }
    cr_assert(refused >= 2 && refused < 8, "%d", refused);
}

Test(append_damage, numbers_that_a_cursor_has_passed_are_never_used_again)
{
    static const char *const sinks[] = {"main"};
    struct append *a = open_writer(1 << 20);
    struct cursor c;

    put_frame(a, 10);
    put_frame(a, 10);
    cr_assert_eq(cursor_create(append_dirfd(a), "main", 0), 0);
    cr_assert_eq(cursor_list_write(append_dirfd(a), sinks, 1), 0);
    cr_assert_eq(cursor_open(&c, append_dirfd(a), "main"), 0);
    c.state.position = 20;
    cr_assert_eq(cursor_store(&c), 0);
    cursor_close(&c);
    append_close(a);
    for (int how = 0; how < 3; how++) { /* torn, header damaged, gone */
        if (how == 0)
            truncate_segment(0, SEGMENT_HEADER + FRAME_OF_10 + 17);
        else if (how == 1)
            spoil_header(0);
        else
            remove_segment(0);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), 20, "case %d", how);
        append_close(a);
    }
    a = open_writer(1 << 20);
    put_frame(a, 10);
    cr_assert_eq(read_all_from(20).delivered, 10);
    cr_assert_eq(read_all_from(0).expired, 20);
    append_close(a);
}

Test(append_damage, temporary_files_of_a_cut_short_start_are_removed)
{
    write_spool_file(".00000000000000000000.seg.tmp", "GARNET");
    write_spool_file(".00000000000000000077.seg.tmp", "");
    write_spool_file(".profile", "not ours");
    append_close(open_writer(4096));
    cr_assert_neq(faccessat(spool_dir.fd, ".00000000000000000000.seg.tmp", F_OK, 0), 0);
    cr_assert_neq(faccessat(spool_dir.fd, ".00000000000000000077.seg.tmp", F_OK, 0), 0);
    cr_assert_eq(faccessat(spool_dir.fd, ".profile", F_OK, 0), 0);
}
