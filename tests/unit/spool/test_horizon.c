/* spool/segment.c: horizons, over folders with segments made at given times. */
#include "rig/spool_dir.h"

enum { S = 1000000000 };

static void segment(uint64_t first_seq, int64_t created_s)
{
    struct segment_header h = {.first_seq = first_seq, .salt = 7, .created_ns = created_s * S};
    uint8_t bytes[SEGMENT_HEADER];
    int fd = open_segment(first_seq);

    segment_header_put(bytes, &h);
    cr_assert_eq(write(fd, bytes, sizeof bytes), (ssize_t)sizeof bytes);
    close(fd);
}

static uint64_t back(uint64_t at, int64_t window_s)
{
    return segment_horizon(spool_dir.fd, at, window_s * S);
}

TestSuite(horizon, .init = spool_dir_make, .fini = spool_dir_remove);

Test(horizon, the_newest_segment_that_is_old_enough)
{
    cr_assert_eq(back(0, 600), 0);
    segment(1, 1000);
    cr_assert_eq(back(1, 600), 0);
    cr_assert_eq(back(5000, 600), 0);
    segment(100, 1300);
    segment(200, 1599);
    segment(300, 1601);
    segment(400, 1900);
    segment(500, 5000);
    cr_assert_eq(back(99, 600), 0);
    cr_assert_eq(back(299, 600), 0);
    cr_assert_eq(back(300, 600), 1);
    cr_assert_eq(back(399, 600), 1);
    cr_assert_eq(back(400, 600), 100);
    cr_assert_eq(back(500, 600), 400);
    cr_assert_eq(back(UINT64_MAX, 600), 400);
    cr_assert_eq(back(400, 299), 300);
    cr_assert_eq(back(400, 300), 200);
}

Test(horizon, a_header_that_cannot_be_read_says_nothing)
{
    segment(100, 1000);
    segment(200, 2000);
    segment(300, 3000);
    truncate_segment(200, 10);
    cr_assert_eq(back(300, 600), 100);
    cr_assert_eq(back(250, 600), 0);
    truncate_segment(300, 0);
    cr_assert_eq(back(300, 600), 0, "as at segment 100");
}

Test(horizon, without_a_folder_everything)
{
    cr_assert_eq(segment_horizon(-1, 500, 600), 0);
}
