/* tests/unit/spool/test_tail_damage.c - readers of the spool: what damage costs, whoever did it, and no more */
#include <sys/syscall.h>

#include "rig/spool_dir.h"

TestSuite(tail_damage, .init = spool_dir_make, .fini = spool_dir_remove);

/* A page that the disk cannot read: of the file of this inode, as the kernel tells of it, which reads
 * up to it and then fails. */
static struct {
    ino_t inode; /* 0: all is well */
    off_t at;
    int error;
} bad;

enum { BAD_SIZE = 4096 };

ssize_t pread(int fd, void *p, size_t n, off_t off)
{
    struct stat st;

    if (bad.inode != 0 && fstat(fd, &st) == 0 && st.st_ino == bad.inode &&
        off + (off_t)n > bad.at && off < bad.at + BAD_SIZE) {
        if (off >= bad.at) {
            errno = bad.error;
            return -1;
        }
        n = (size_t)(bad.at - off);
    }
    return syscall(SYS_pread64, fd, p, n, off);
}

static void spoil_page(uint64_t first_seq, off_t at, int error)
{
    struct stat st;
    int fd = open_segment(first_seq);

    cr_assert_eq(fstat(fd, &st), 0);
    close(fd);
    bad.at = at;
    bad.error = error;
    bad.inode = st.st_ino;
}

/* Three segments of 0..99, 100..199 and 200..209; the last keeps the first two sealed. */
static void three_segments(void)
{
    struct append *a;

    for (int s = 0; s < 3; s++) {
        a = open_writer(1 << 20);
        for (int i = 0; i < (s < 2 ? 10 : 1); i++)
            put_frame(a, 10);
        append_close(a);
    }
    cr_assert_eq(count_segments(), 3);
}

Test(tail_damage, a_flipped_bit_costs_the_frame_it_is_in_and_no_other)
{
    three_segments();
    for (size_t byte = SEGMENT_HEADER; byte < segment_file_size(100); byte++) {
        unsigned bit = (unsigned)(byte * 5 % 8);
        size_t in_frame = (byte - SEGMENT_HEADER) % FRAME_OF_10;
        bool padding = in_frame >= FRAME_HEADER + 31;
        struct read_total n;
        flip_segment_bit(100, byte, bit);
        n = read_all_from(0);
        cr_assert_eq(n.damaged, padding ? 0U : 10U, "byte %zu", byte);
        cr_assert_eq(n.delivered, padding ? 210U : 200U);
        cr_assert_eq(n.expired, 0);
        flip_segment_bit(100, byte, bit);
    }
    cr_assert_eq(read_all_from(0).delivered, 210);
}

Test(tail_damage, a_bad_segment_header_costs_the_segment)
{
    three_segments();
    for (size_t byte = 0; byte < SEGMENT_HEADER / 2; byte++) {
        struct read_total n;
        flip_segment_bit(100, byte, 1);
        cr_assert_eq(read_all_from(0).delivered, 210, "there is the other copy");
        flip_segment_bit(100, byte + SEGMENT_HEADER / 2, 1);
        n = read_all_from(0);
        cr_assert_eq(n.damaged, 100);
        cr_assert_eq(n.delivered, 110);
        n = read_all_from(150);
        cr_assert_eq(n.damaged, 50);
        cr_assert_eq(n.delivered, 10);
        flip_segment_bit(100, byte, 1);
        cr_assert_eq(read_all_from(0).delivered, 210, "there is the first");
        flip_segment_bit(100, byte + SEGMENT_HEADER / 2, 1);
    }
}

Test(tail_damage, several_damages_in_a_row_are_one_loss_each_and_exact)
{
    struct read_total n;

    three_segments();
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_OF_10 + 5, 0); /* 10..19: header */
    flip_segment_bit(0, SEGMENT_HEADER + 2 * FRAME_OF_10 + FRAME_HEADER + 5,
                     0);                                          /* 20..29: payload */
    flip_segment_bit(0, SEGMENT_HEADER + 9 * FRAME_OF_10 + 1, 7); /* 90..99: the segment's last */
    flip_segment_bit(100, SEGMENT_HEADER, 7); /* 100..109: the next one's first */
    n = read_all_from(0);
    cr_assert_eq(n.damaged, 40);
    cr_assert_eq(n.delivered, 170);
}

Test(tail_damage, a_missing_segment_is_damage_and_a_missing_oldest_has_expired)
{
    struct read_total n;

    three_segments();
    remove_segment(100);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 110);
    cr_assert_eq(n.damaged, 100);
    remove_segment(0);
    n = read_all_from(30);
    cr_assert_eq(n.delivered, 10);
    cr_assert_eq(n.expired, 170);
    cr_assert_eq(n.damaged, 0);
}

Test(tail_damage, empty_short_and_foreign_files_are_stepped_over)
{
    struct read_total n;

    three_segments();
    write_spool_file("00000000000000000150.seg", "");
    write_spool_file("00000000000000000160.seg",
                     "garbage garbage garbage garbage garbage garbage garbage garbage "
                     "garbage");
    write_spool_file("core", "dumped");
    truncate_segment(100, SEGMENT_HEADER + 3 * FRAME_OF_10);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 140);
    cr_assert_eq(n.damaged, 70);
    truncate_segment(100, 0);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 110);
    cr_assert_eq(n.damaged, 100);
}

Test(tail_damage, a_segment_unlinked_while_it_is_read_stays_readable)
{
    struct read_total n;
    struct tail *t = tail_from(0, &n);

    three_segments();
    read_step(t, &n);
    remove_segment(0);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 210);
    tail_close(t);
}

Test(tail_damage, what_retention_took_from_under_a_reader_has_expired)
{
    struct read_total n;
    struct tail *t = tail_from(0, &n);

    three_segments();
    read_step(t, &n);
    remove_segment(0);
    remove_segment(100);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 110);
    cr_assert_eq(n.expired, 100);
    cr_assert_eq(n.damaged, 0);
    tail_close(t);
}

/* 100 frames of 10 metrics in one segment, and one more behind it. */
static struct append *three_pages(void)
{
    struct append *a = open_writer(1 << 20);

    for (int i = 0; i < 100; i++)
        put_frame(a, 10);
    append_close(a);
    a = open_writer(1 << 20);
    put_frame(a, 10);
    return a;
}

Test(tail_damage, an_unreadable_sector_costs_the_frames_in_it)
{
    struct append *a = three_pages();
    size_t first = (BAD_SIZE - SEGMENT_HEADER) / FRAME_OF_10; /* touched */
    size_t last = (2 * BAD_SIZE - 1 - SEGMENT_HEADER) / FRAME_OF_10;
    static const int errors[] = {EIO, EBADMSG, EUCLEAN};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct read_total n;
        spoil_page(0, BAD_SIZE, errors[i]);
        n = read_all_from(0);
        cr_assert_eq(n.damaged, (last - first + 1) * 10);
        cr_assert_eq(n.delivered, 1010 - n.damaged);
        cr_assert_eq(n.expired, 0);
        bad.inode = 0;
    }
    append_close(a);
}

/* The first page costs the segment; the last one keeps the writer from no start. */
Test(tail_damage, an_unreadable_page_at_either_end_of_a_segment)
{
    struct append *a = three_pages();
    struct read_total n;

    append_close(a);
    spoil_page(0, 0, EIO);
    n = read_all_from(0);
    cr_assert_eq(n.damaged, 1000);
    cr_assert_eq(n.delivered, 10);
    spoil_page(0, 2 * BAD_SIZE, EIO);
    n = read_all_from(0);
    cr_assert_gt(n.damaged, 0);
    cr_assert_eq(n.delivered + n.damaged, 1010);
    remove_segment(1000);
    a = open_writer(1 << 20);
    cr_assert_gt(append_next_seq(a), 700);
    append_close(a);
    bad.inode = 0;
}

Test(tail_damage, an_error_that_may_pass_keeps_the_place)
{
    struct append *a = three_pages();
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    struct tail_frame f;

    spoil_page(0, BAD_SIZE, ENOMEM);
    while (n.next < (BAD_SIZE - SEGMENT_HEADER) / FRAME_OF_10 * 10)
        read_step(t, &n);
    cr_assert_eq(tail_next(t, &f), TAIL_ERROR);
    cr_assert_eq(tail_next(t, &f), TAIL_ERROR);
    bad.inode = 0;
    read_all(t, &n);
    cr_assert_eq(n.delivered, 1010);
    tail_close(t);
    append_close(a);
}

Test(tail_damage, damage_at_the_live_end_waits_until_something_newer_stands_behind_it)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;
    struct tail *t = tail_from(0, &n);

    put_frame(a, 10);
    put_frame(a, 10);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_OF_10 + 3, 3);
    read_all(t, &n);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 10);
    flip_segment_bit(0, SEGMENT_HEADER + FRAME_OF_10 + 3, 3); /* it was not damage after all */
    read_all(t, &n);
    cr_assert_eq(n.delivered, 20);
    put_frame(a, 10);
    flip_segment_bit(0, SEGMENT_HEADER + 2 * FRAME_OF_10 + FRAME_HEADER, 3);
    read_all(t, &n);
    cr_assert_eq(n.damaged, 0);
    put_frame(a, 10);
    read_all(t, &n);
    cr_assert_eq(n.damaged, 10);
    cr_assert_eq(n.delivered, 30);
    tail_close(t);
    append_close(a);
}

/* A payload that contains a whole segment's bytes: after damage, none of it may be taken for a
 * frame. */
Test(tail_damage, a_payload_cannot_forge_a_frame)
{
    struct append *a = open_writer(1 << 20);
    static char forged[4096];
    struct tail_frame f;
    struct tail *t;
    uint64_t end;
    int fd;
    ssize_t n;

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    fd = open_segment(0);
    n = pread(fd, forged, sizeof forged, 0);
    close(fd);
    cr_assert_gt(n, SEGMENT_HEADER + 100);
    a = open_writer(1 << 20);
    cr_assert_eq(append_frame(a, forged, (size_t)n, 5, &end), 0);
    put_frame(a, 10);
    flip_segment_bit(20, SEGMENT_HEADER + 9, 0);
    t = tail_open(spool_dir.fd, 20);
    cr_assert_eq(tail_next(t, &f), TAIL_LOST);
    cr_assert_eq(f.seq, 20);
    cr_assert_eq(f.lost, 5);
    cr_assert_eq(tail_next(t, &f), TAIL_FRAME);
    cr_assert_eq(f.seq, 25);
    tail_close(t);
    append_close(a);
}
