/* tests/unit/spool/test_append_retain.c - what retention removes, by cursors, size and age, and who loses */
#include "base/clock.h"
#include "rig/spool_dir.h"

TestSuite(append_retain, .init = spool_dir_make, .fini = spool_dir_remove);

Test(append_retain, retention_removes_what_every_cursor_has_passed)
{
    struct append *a = open_writer(SEGMENT_OF_100);

    for (int i = 0; i < 35; i++)
        put_frame(a, 10); /* 0..99, 100..199, 200..299, 300.. */
    cr_assert_eq(append_retain(a, 99, 0), 0);
    cr_assert_eq(count_segments(), 4);
    cr_assert_eq(append_retain(a, 100, 0), 0);
    cr_assert_eq(count_segments(), 3);
    cr_assert_eq(append_retain(a, UINT64_MAX, 0), 0);
    cr_assert_eq(count_segments(), 1, "the newest stays");
    cr_assert_eq(append_bytes(a), segment_file_size(300));
    put_frame(a, 10);
    cr_assert_eq(read_all_from(300).delivered, 60);
    append_close(a);
}

/* As after an append that found no room for a new segment. */
static void starve(struct append *a)
{
    append_seal(a);
    a->folder.reserve.full = true;
}

/* Its room is what the next one lacks, and on a full disk would be another's at once. */
Test(append_retain, the_newest_becomes_the_next_where_there_is_no_room_for_another)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    size_t size = SEGMENT_HEADER + 2 * FRAME_OF_10;
    ino_t inode;

    put_frame(a, 10);
    put_frame(a, 10);
    inode = segment_inode(0);
    read_all(t, &n);
    starve(a);
    cr_assert_eq(append_retain(a, 19, 0), 0);
    cr_assert_eq(segment_inode(0), inode, "somebody needs it");
    cr_assert_eq(append_retain(a, 20, 0), 0, "nobody loses");
    cr_assert_eq(count_segments(), 1);
    cr_assert_eq(segment_inode(20), inode);
    cr_assert_eq(segment_file_size(20), size, "it keeps its room");
    cr_assert_eq(append_bytes(a), SEGMENT_HEADER);
    cr_assert_eq(append_segment(a), 20);
    cr_assert_eq(append_retain(a, 20, 0), 0);
    read_all(t, &n);
    put_frame(a, 10);
    read_all(t, &n);
    cr_assert_eq(count_segments(), 1);
    cr_assert_eq(segment_file_size(20), size);
    cr_assert_eq(append_bytes(a), SEGMENT_HEADER + FRAME_OF_10);
    cr_assert_eq(n.delivered, 30);
    cr_assert_eq(n.expired + n.damaged, 0);
    tail_close(t);
    append_close(a);
}

Test(append_retain, no_number_is_given_again_after_the_newest_was_reused)
{
    struct append *a = open_writer(1 << 20);

    put_frame(a, 10);
    starve(a);
    append_retain(a, 10, 0);
    append_close(a);
    a = open_writer(1 << 20); /* without a cursor */
    cr_assert_eq(append_next_seq(a), 10);
    put_frame(a, 10);
    append_close(a);
    /* and when only the name had got to the disk */
    cr_assert_eq(renameat(spool_dir.fd, "00000000000000000010.seg", spool_dir.fd,
                          "00000000000000000020.seg"),
                 0);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), 20);
    put_frame(a, 10);
    cr_assert_eq(read_all_from(20).delivered, 10);
    append_close(a);
}

Test(append_retain, retention_by_size_says_that_somebody_will_lose)
{
    struct append *a = open_writer_with(SEGMENT_OF_100, 4000, 0);
    struct read_total n;

    for (int i = 0; i < 35; i++)
        put_frame(a, 10);
    cr_assert_eq(append_bytes(a), 3 * SEGMENT_OF_100 + SEGMENT_HEADER + 5 * FRAME_OF_10);
    cr_assert_eq(append_retain(a, 0, 0), 1);
    cr_assert_leq(append_bytes(a), 4000);
    cr_assert_eq(append_retain(a, 0, 0), 0);
    n = read_all_from(50);
    cr_assert_eq(n.expired, 50);
    cr_assert_eq(n.delivered, 250);
    append_close(a);
    a = open_writer_with(SEGMENT_OF_100, 1, 0); /* the sizes are known after a restart too */
    cr_assert_eq(append_retain(a, 150, 0), 2);
    cr_assert_eq(count_segments(), 1);
    append_close(a);
}

Test(append_retain, retention_by_age_counts_from_the_youngest_metric)
{
    const int64_t day = 86400 * NS_PER_S;
    struct append *a = open_writer_with(SEGMENT_OF_100, 0, day);
    int64_t now;

    for (int i = 0; i < 25; i++)
        put_frame(a, 10);
    now = clock_wall();
    cr_assert_eq(append_retain(a, 0, now), 0);
    cr_assert_eq(append_retain(a, 0, now + day - day / 24), 0);
    cr_assert_eq(append_retain(a, 0, now + day + day / 24), 2);
    cr_assert_eq(count_segments(), 1);
    append_close(a);
}

/* Anybody may set a file's time to the year 2400 (or to any other): it is not old for that. */
Test(append_retain, a_file_of_a_year_beyond_nanoseconds_is_young)
{
    const int64_t now = clock_wall(), hour = 3600 * NS_PER_S;
    struct timespec times[2] = {{13569465600, 0}, {13569465600, 0}};
    struct append *a;
    int fd;

    write_spool_file("00000000000000000000.seg", "no header");
    write_spool_file("00000000000000000010.seg", "nor here");
    fd = open_segment(10);
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
    a = open_writer_with(4096, 0, hour);
    cr_assert_eq(append_retain(a, 0, now), 0);
    cr_assert_eq(append_retain(a, 0, now + hour), 0);
    append_close(a);
    times[0].tv_sec = times[1].tv_sec = -9223372036; /* 1677, or as old as the file system goes */
    fd = open_segment(10);
    cr_assert_eq(futimens(fd, times), 0);
    close(fd);
    a = open_writer_with(4096, 0, hour);
    cr_assert_eq(append_retain(a, 0, now), 1);
    append_close(a);
}

static struct begins {
    uint64_t oldest;
    size_t files; /* there were as it was said */
    unsigned times;
} said;

static void on_begins(void *arg, uint64_t oldest)
{
    (void)arg;
    said = (struct begins){oldest, count_segments(), said.times + 1};
}

static struct append *writer_of_five_segments(void)
{
    struct append *a = open_writer_with(SEGMENT_OF_100, 0, 0);

    a->folder.ev.begins = on_begins;
    for (int i = 0; i < 45; i++)
        put_frame(a, 10);
    return a;
}

Test(append_retain, where_the_spool_begins_is_said_before_anything_is_removed)
{
    struct append *a = writer_of_five_segments();

    cr_assert_eq(append_oldest(a), 0);
    (void)append_retain(a, 99, 0);
    cr_assert_eq(said.times, 0);
    (void)append_retain(a, 250, 0);
    cr_assert_eq(said.times, 1);
    cr_assert_eq(said.oldest, 200);
    cr_assert_eq(said.files, 5);
    cr_assert_eq(count_segments(), 3);
    cr_assert_eq(append_oldest(a), 200);
    append_configure(a, &(struct append_config){.segment_size = SEGMENT_OF_100, .max_size = 2500});
    cr_assert_eq(append_retain(a, 250, 0), 1);
    cr_assert_eq(said.oldest, 300);
    append_close(a);
}

/* A folder in its place cannot be unlinked. */
Test(append_retain, what_cannot_be_unlinked_is_gone_all_the_same)
{
    struct append *a = writer_of_five_segments();

    remove_segment(100);
    cr_assert_eq(mkdirat(spool_dir.fd, "00000000000000000100.seg", 0700), 0);
    (void)append_retain(a, 300, 0);
    cr_assert_eq(said.oldest, 300);
    cr_assert_eq(append_oldest(a), 300);
    (void)append_retain(a, 300, 0);
    cr_assert_eq(said.times, 1);
    cr_assert_eq(unlinkat(spool_dir.fd, "00000000000000000100.seg", AT_REMOVEDIR), 0);
    (void)append_retain(a, 0, 0);
    cr_assert_eq(count_segments(), 2, "it was said, and goes whoever needs it");
    cr_assert_eq(append_oldest(a), 300);
    append_close(a);
}

/* What it held is lost to whoever needs it; what follows is not, and the disk does not fill. */
Test(append_retain, one_that_cannot_be_unlinked_keeps_no_other)
{
    struct append *a = writer_of_five_segments();
    uint64_t bytes = append_bytes(a);

    remove_segment(100);
    cr_assert_eq(mkdirat(spool_dir.fd, "00000000000000000100.seg", 0700), 0);
    cr_assert_eq(append_retain(a, 300, 0), 0);
    cr_assert_eq(count_segments(), 2, "300 and 400 are left");
    cr_assert_eq(append_bytes(a), bytes - 2 * SEGMENT_OF_100);
    cr_assert_eq(append_oldest(a), 300);
    append_configure(a, &(struct append_config){.segment_size = SEGMENT_OF_100, .max_size = 2500});
    for (int i = 0; i < 40; i++)
        put_frame(a, 10);
    cr_assert_gt(append_retain(a, 300, 0), 0);
    cr_assert_eq(append_retain(a, 300, 0), 0, "nobody loses the same again");
    cr_assert_leq(append_bytes(a), 2500 + SEGMENT_OF_100, "one stays");
    cr_assert_eq(count_segments(), 2);
    cr_assert_eq(unlinkat(spool_dir.fd, "00000000000000000100.seg", AT_REMOVEDIR), 0);
    (void)append_retain(a, 300, 0);
    cr_assert_eq(append_oldest(a), 700);
    cr_assert_eq(append_bytes(a), segment_file_size(700) + segment_file_size(800),
                 "and goes once it can");
    append_close(a);
}
