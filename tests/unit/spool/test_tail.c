/* tests/unit/spool/test_tail.c - readers of the spool: everything once, in order, and exact counts of what is not
 * there */
#include <sys/wait.h>
#include <time.h>

#include "rig/spool_dir.h"

TestSuite(tail, .init = spool_dir_make, .fini = spool_dir_remove);

Test(tail, an_empty_folder_means_wait_and_the_first_frame_ends_it)
{
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    struct append *a;

    cr_assert_eq(read_step(t, &n), TAIL_WAIT);
    cr_assert_eq(read_step(t, &n), TAIL_WAIT);
    a = open_writer(1 << 20);
    cr_assert_eq(read_step(t, &n), TAIL_WAIT);
    put_frame(a, 3);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 3);
    append_close(a);
    tail_close(t);
}

Test(tail, readers_are_independent_of_each_other_and_of_the_writer)
{
    struct append *a = open_writer(4096);
    struct read_total slow, fast;
    struct tail *s = tail_from(0, &slow), *f = tail_from(0, &fast);

    for (uint32_t i = 0; i < 2000; i++) {
        put_frame(a, i % 50 + 1);
        read_all(f, &fast);
        cr_assert_eq(fast.next, append_next_seq(a));
        if (i % 3 == 0)
            read_step(s, &slow);
    }
    read_all(s, &slow);
    cr_assert_eq(slow.frames, 2000);
    cr_assert_eq(fast.frames, 2000);
    cr_assert_eq(slow.delivered, append_next_seq(a));
    cr_assert_gt(count_segments(), 20);
    tail_close(s);
    tail_close(f);
    append_close(a);
}

Test(tail, starts_with_the_frame_that_holds_the_sequence_number)
{
    struct append *a = open_writer(512);
    struct tail_frame f;
    struct tail *t = tail_open(spool_dir.fd, 0);

    for (int i = 0; i < 100; i++)
        put_frame(a, 10);
    for (uint64_t seq = 0; seq < 1000; seq += 7) {
        tail_seek(t, seq);
        cr_assert_eq(tail_next(t, &f), TAIL_FRAME);
        cr_assert_eq(f.seq, seq / 10 * 10);
        cr_assert_eq(read_all_from(seq).delivered, 1000 - seq);
    }
    tail_close(t);
    append_close(a);
}

Test(tail, a_position_beyond_the_end_waits_there)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;
    struct tail *t;

    put_frame(a, 10);
    t = tail_from(25, &n);
    read_all(t, &n);
    put_frame(a, 10); /* 10..19: before it */
    read_all(t, &n);
    cr_assert_eq(n.delivered, 0);
    put_frame(a, 10); /* 20..29 */
    read_all(t, &n);
    cr_assert_eq(n.delivered, 5);
    cr_assert_eq(n.damaged + n.expired, 0);
    tail_close(t);
    append_close(a);
}

Test(tail, the_largest_frame_and_small_ones_around_it)
{
    const uint32_t big = (FRAME_MAX - 1) / 3;
    struct append *a = open_writer(64 << 20);
    struct read_total n;

    put_frame(a, 1);
    put_frame(a, big);
    put_frame(a, 2);
    n = read_all_from(0);
    cr_assert_eq(n.frames, 3);
    cr_assert_eq(n.delivered, (uint64_t)big + 3);
    append_close(a);
}

Test(tail, a_quiet_folder_is_not_listed_but_a_rotation_is_seen)
{
    const struct timespec past[2] = {{1000000000, 0}, {1000000000, 0}};
    struct append *a = open_writer(64);
    struct read_total n;
    struct tail *t = tail_from(0, &n);

    for (int i = 0; i < 5; i++) {
        cr_assert_eq(futimens(spool_dir.fd, past), 0);
        read_all(t, &n);
        read_all(t, &n); /* only this one may rely on the folder's mtime */
        put_frame(a, 4);
        read_all(t, &n);
        cr_assert_eq(n.delivered, (uint64_t)(4 * (i + 1)));
    }
    tail_close(t);
    append_close(a);
}

/* A rotation within the same clock tick as the last look leaves the mtime as it was. */
Test(tail, a_young_mtime_proves_nothing)
{
    struct append *a = open_writer(64);
    struct timespec now[2];
    struct read_total n;
    struct tail *t = tail_from(0, &n);

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now[0]), 0);
        now[1] = now[0];
        cr_assert_eq(futimens(spool_dir.fd, now), 0);
        read_all(t, &n);
        put_frame(a, 4);
        cr_assert_eq(futimens(spool_dir.fd, now), 0);
        read_all(t, &n);
        cr_assert_eq(n.delivered, (uint64_t)(4 * (i + 1)));
    }
    tail_close(t);
    append_close(a);
}

Test(tail, overlapping_segments_deliver_nothing_twice)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    cr_assert_eq(renameat(spool_dir.fd, "00000000000000000000.seg", spool_dir.fd, "kept"), 0);
    a = open_writer(1 << 20);
    put_frame(a, 10); /* 0..9 again, as after a folder was restored from two backups */
    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    /* The same numbers once more under a later name, which its header must match. */
    int fd = openat(spool_dir.fd, "kept", O_RDWR);
    struct segment_header h;
    uint8_t head[SEGMENT_HEADER];
    cr_assert_eq(pread(fd, head, sizeof head, 0), SEGMENT_HEADER);
    cr_assert_eq(segment_header_get(head, &h), SEGMENT_GOOD);
    h.first_seq = 15;
    segment_header_put(head, &h);
    cr_assert_eq(pwrite(fd, head, sizeof head, 0), SEGMENT_HEADER);
    close(fd);
    cr_assert_eq(renameat(spool_dir.fd, "kept", spool_dir.fd, "00000000000000000015.seg"), 0);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 30);
    cr_assert_eq(n.damaged + n.expired, 0);
    cr_assert_eq(n.frames, 3);
}

Test(tail, a_frame_that_grows_byte_by_byte_is_taken_once_when_whole)
{
    struct append *a = open_writer(1 << 20);
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    char frame[128];
    int fd;

    put_frame(a, 10);
    put_frame(a, 10);
    append_close(a);
    fd = open_segment(0);
    cr_assert_eq(pread(fd, frame, FRAME_OF_10, (off_t)(SEGMENT_HEADER + FRAME_OF_10)),
                 (ssize_t)FRAME_OF_10);
    truncate_segment(0, SEGMENT_HEADER + FRAME_OF_10);
    for (size_t i = 0; i < FRAME_OF_10; i++) {
        read_all(t, &n);
        cr_assert_eq(n.delivered, 10);
        cr_assert_eq(pwrite(fd, frame + i, 1, (off_t)(SEGMENT_HEADER + FRAME_OF_10 + i)), 1);
    }
    read_all(t, &n);
    cr_assert_eq(n.delivered, 20);
    cr_assert_eq(n.damaged, 0);
    close(fd);
    tail_close(t);
}

/* A writer in another process, rotating all the time: no frame is missed where one segment ends and
 * the next begins, and none is read half-written. */
Test(tail, reads_along_with_a_writer_in_another_process, .timeout = 60)
{
    enum { FRAMES = 20000 };
    struct read_total n;
    struct tail *t = tail_from(0, &n);
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct append *a = open_writer(3000);
        for (uint32_t i = 0; i < FRAMES; i++)
            put_frame(a, i % 100 + 1);
        _exit(0);
    }
    while (n.frames < FRAMES)
        read_step(t, &n);
    cr_assert_eq(n.damaged + n.expired, 0);
    cr_assert_eq(read_step(t, &n), TAIL_WAIT);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    tail_close(t);
}

static unsigned below(unsigned *state, unsigned n)
{
    *state = *state * 1103515245U + 12345U;
    return (*state >> 16) % n;
}

/* A long random life: appends, restarts, torn tails, flips, retention, and readers at every
 * distance. Every number below the writer's is handed out or counted, to every reader. */
Test(tail, conservation_through_a_random_life, .timeout = 60)
{
    enum { READERS = 4 };
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct append *a = open_writer(2000);
        struct tail *t[READERS];
        struct read_total n[READERS];
        unsigned s = seed * 7919;
        uint64_t origin = append_next_seq(a);
        for (int i = 0; i < READERS; i++)
            t[i] = tail_from(origin, &n[i]);
        for (int step = 0; step < 300; step++) {
            unsigned what = below(&s, 100);
            uint64_t newest = append_segment(a);
            if (what < 60) {
                put_frame(a, below(&s, 40) + 1);
            } else if (what < 90) {
                unsigned who = below(&s, READERS);
                if (who > 0)
                    read_step(t[who], &n[who]);
            } else if (what < 94) {
                append_close(a);
                a = open_writer(2000);
            } else if (what < 96) {
                append_retain(a, newest, 0);
            } else if (append_bytes(a) > 0 && newest < append_next_seq(a)) {
                struct segment_list l;
                segment_list(spool_dir.fd, &l);
                uint64_t victim = l.first_seq[below(&s, (unsigned)l.n)];
                flip_segment_bit(victim, below(&s, (unsigned)segment_file_size(victim)),
                                 below(&s, 8));
                segment_list_free(&l);
            }
        }
        append_close(a);
        a = open_writer(2000);
        put_frame(a, 1); /* seals everything before */
        put_frame(a, 1);
        for (int i = 0; i < READERS; i++) {
            read_all(t[i], &n[i]);
            cr_assert_eq(n[i].next, append_next_seq(a), "seed %u reader %d", seed, i);
            cr_assert_eq(n[i].delivered + n[i].damaged + n[i].expired, n[i].next - origin);
            tail_close(t[i]);
        }
        append_close(a);
    }
}

/* A crash or somebody has made it long, at no cost: were it read, that would take a day. */
Test(tail, a_hole_costs_nothing)
{
    struct append *a = open_writer(4096);
    const off_t far = (off_t)1 << 43;
    struct read_total n;
    struct tail *t;
    size_t end;
    int fd;

    put_frame(a, 3);
    put_frame(a, 4);
    end = segment_file_size(0);
    append_close(a);
    truncate_segment(0, (size_t)far);
    t = tail_from(0, &n);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 7, "the live end");
    read_all(t, &n);
    a = open_writer(4096);
    cr_assert_eq(append_next_seq(a), 7);
    put_frame(a, 5);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 12, "and sealed");
    cr_assert_eq(n.damaged, 0);
    tail_close(t);
    append_close(a);

    /* data behind a hole: a good frame is found, wherever it is, also where the hole ends */
    for (int i = 0; i < 3; i++) {
        uint8_t frame[4096];
        off_t at = far / 2 + (i == 0 ? 0 : i == 1 ? 4096 - 8 : 1000 * 8);
        size_t first = SEGMENT_HEADER + frame_size((uint32_t)pattern_size(3));

        cr_assert_leq(end - first, sizeof frame);
        fd = open_segment(0);
        cr_assert_eq(pread(fd, frame, end - first, (off_t)first), (ssize_t)(end - first));
        cr_assert_eq(ftruncate(fd, (off_t)first), 0);
        cr_assert_eq(ftruncate(fd, far), 0);
        cr_assert_eq(pwrite(fd, frame, end - first, at), (ssize_t)(end - first));
        n = read_all_from(0);
        cr_assert_eq(n.delivered, 12);
        cr_assert_eq(n.damaged, 0);
        cr_assert_eq(pwrite(fd, frame, end - first, (off_t)first), (ssize_t)(end - first));
        close(fd);
    }
}
