/* tests/unit/spool/test_reused.c - a file that was a segment before: what readers, the next writer and the sync helper make of it */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "rig/chance.h"
#include "rig/spool_dir.h"
#include "spool/sync_helper.h"

TestSuite(reused, .init = spool_dir_make, .fini = spool_dir_remove, .timeout = 120);

enum { BEGIN = 500 /* the first number in it */ };

/* As on a full disk, from the first append on: what is given up is what comes next. */
static void be_starved(struct append *a, int64_t reserve)
{
    struct append_config c = {spool_dir.path, a->segment_size, 0, 0, reserve};

    append_configure(a, &c);
    a->folder.reserve.full = true;
}

/* Frames 500.. of ten, the first `n` of them in a file that has 50 of another life. */
static struct append *begin_reused(int n)
{
    struct append *a = open_writer(1 << 20);

    log_set_level(LOG_L_ERROR);
    for (int i = 0; i < 50; i++)
        put_frame(a, 10);
    append_seal(a);
    put_frame(a, 10);
    be_starved(a, 1 << 20);
    append_retain(a, BEGIN, 0);
    append_seal(a);
    put_frame(a, 10);
    for (int i = 1; i < n; i++)
        put_frame(a, 10);
    cr_assert_eq(append_segment(a), BEGIN + 10);
    cr_assert_eq(a->head.older, SEGMENT_HEADER + 50 * FRAME_OF_10);
    return a;
}

/* What kill -9 may leave of the frame that comes next: its header, and `n` bytes of what follows. */
static void write_torn(struct append *a, size_t n)
{
    struct frame_header h = {append_next_seq(a), 10, (uint32_t)pattern_size(10), 4711, 1};
    uint8_t bytes[FRAME_OF_10] = "";
    size_t at = end_of((unsigned)(append_next_seq(a) - BEGIN - 10) / 10);

    frame_header_put(bytes, &h, a->head.salt);
    write_at(BEGIN + 10, bytes, n, at);
}

/* One more is read, so many with it, and nothing has been lost. Ends both. */
static void goes_on_and_ends(struct append *a, struct tail *t, struct read_total *n,
                             uint64_t delivered)
{
    put_frame(a, 10);
    read_all(t, n);
    cr_assert_eq(n->delivered, delivered);
    cr_assert_eq(n->damaged + n->expired, 0);
    tail_close(t);
    append_close(a);
}

Test(reused, nothing_of_the_older_life_is_read)
{
    struct append *a = begin_reused(3);
    struct read_total n;
    struct tail *t = tail_from(BEGIN, &n);

    read_all(t, &n);
    cr_assert_eq(n.delivered, 40);
    cr_assert_eq(n.damaged + n.expired, 0);
    put_frame(a, 7);
    read_all(t, &n);
    cr_assert_eq(n.delivered, 47);
    append_close(a);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), BEGIN + 47);
    goes_on_and_ends(a, t, &n, 57);
}

/* It was not accepted: it is not read, not lost, and its numbers are given to others. */
Test(reused, a_torn_frame_never_was)
{
    for (size_t torn = 1; torn < FRAME_OF_10 - FRAME_TRAILER; torn++) {
        struct append *a = begin_reused(3);
        struct read_total n;
        struct tail *t = tail_from(BEGIN, &n);

        read_all(t, &n);
        write_torn(a, torn);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 40, "torn at %zu", torn);
        append_close(a);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), BEGIN + 40, "torn at %zu", torn);
        goes_on_and_ends(a, t, &n, 50);
        empty_dir(spool_dir.fd);
    }
}

/* A power failure has left a torn frame. Its file becomes another segment while its beginning is in a reader's memory,
 * and its number is another's. */
Test(reused, a_torn_frame_is_not_completed_by_the_next_life)
{
    for (size_t cut = 1; cut < FRAME_OF_10 - FRAME_HEADER; cut++) {
        struct append *a = open_writer(1 << 20);
        struct read_total n;
        struct tail *t;

        log_set_level(LOG_L_ERROR);
        for (int i = 0; i < 3; i++)
            put_frame(a, 10);
        append_close(a);
        truncate_segment(0, end_of(3) - cut);
        t = tail_from(0, &n);
        (void)read_step(t, &n);
        a = open_writer(1 << 20);
        cr_assert_eq(append_next_seq(a), 20);
        put_frame(a, 15);
        be_starved(a, 1 << 20);
        append_retain(a, 20, 0);
        append_seal(a);
        for (int i = 0; i < 4; i++)
            put_frame(a, 10);
        cr_assert_eq(a->head.older, end_of(3) - cut);
        goes_on_and_ends(a, t, &n, 85);
        empty_dir(spool_dir.fd);
    }
}

/* It is overwritten by the next frame, or a newer segment says the same. */
Test(reused, a_damaged_mark_costs_nothing)
{
    for (unsigned bit = 0; bit < 8 * FRAME_END; bit += 7) {
        struct append *a = begin_reused(3);
        struct read_total n;
        struct tail *t = tail_from(BEGIN, &n);

        flip_segment_bit(BEGIN + 10, end_of(3) + bit / 8, bit % 8);
        read_all(t, &n);
        cr_assert_eq(n.delivered, 40);
        if (bit % 2 == 0) {
            append_close(a);
            a = open_writer(1 << 20);
        }
        goes_on_and_ends(a, t, &n, 50);
        empty_dir(spool_dir.fd);
    }
}

/* The mark says how far it went, also when the last frame says nothing any more. */
Test(reused, damage_is_counted)
{
    struct append *a = begin_reused(5);
    struct read_total n;

    flip_segment_bit(BEGIN + 10, end_of(1) + 3, 1);
    flip_segment_bit(BEGIN + 10, end_of(2) + FRAME_HEADER, 1);
    for (size_t i = 0; i < FRAME_OF_10; i++)
        flip_segment_bit(BEGIN + 10, end_of(4) + i, 2);
    append_close(a);
    a = open_writer(1 << 20);
    cr_assert_eq(append_next_seq(a), BEGIN + 60);
    put_frame(a, 10);
    n = read_all_from(BEGIN);
    cr_assert_eq(n.damaged, 30);
    cr_assert_eq(n.delivered, 40);
    append_close(a);
}

Test(reused, it_is_written_again_without_what_is_not_of_it)
{
    for (int torn = 0; torn < 2; torn++) {
        struct append *a = begin_reused(3);
        ino_t inode = segment_inode(BEGIN + 10);
        struct read_total n;
        struct tail *t = tail_from(BEGIN, &n);

        (void)read_step(t, &n);
        (void)read_step(t, &n);
        if (torn)
            write_torn(a, 50);
        append_seal(a);
        cr_assert_eq(segment_rewrite(spool_dir.fd, BEGIN + 10), 0);
        cr_assert_neq(segment_inode(BEGIN + 10), inode);
        cr_assert_eq(segment_file_size(BEGIN + 10), end_of(3));
        goes_on_and_ends(a, t, &n, 50);
        cr_assert_eq(read_all_from(BEGIN).delivered, 50);
        empty_dir(spool_dir.fd);
    }
}

Test(reused, what_is_damaged_is_not_written_again)
{
    struct append *a = begin_reused(3);

    flip_segment_bit(BEGIN + 10, end_of(1) + FRAME_HEADER, 1);
    append_seal(a);
    cr_assert_eq(segment_rewrite(spool_dir.fd, BEGIN + 10), EBADMSG);
    append_close(a);
}

/* --- a reader beside the writer --- */

enum { SIZE = 64 << 10, APPENDS = 20000 };

struct both {
    _Atomic uint64_t next; /* the reader */
    _Atomic bool done;     /* the writer */
};

static int write_for_ever(struct both *b, bool waits)
{
    struct append *a = open_writer(SIZE);

    log_set_level(LOG_L_ERROR);
    be_starved(a, 3 * SIZE);
    for (uint32_t i = 0; i < APPENDS; i++) {
        put_frame(a, 1 + i * 7 % 900);
        if (i % 8 != 0)
            continue;
        while (waits && append_next_seq(a) - b->next > 40000) /* it reads, or the test is over */
            sched_yield();
        (void)append_retain(a, waits ? b->next : append_next_seq(a), 0);
    }
    put_frame(a, 1);
    append_seal(a);
    put_frame(a, 1);
    b->done = true;
    append_close(a);
    return 0;
}

static struct read_total read_beside(bool waits)
{
    struct both *b =
        mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct read_total n;
    struct tail *t;
    pid_t pid;

    if ((pid = fork()) == 0)
        _exit(write_for_ever(b, waits));
    t = tail_from(0, &n);
    for (bool last = false; !last;) {
        last = b->done;
        read_all(t, &n);
        b->next = n.next;
    }
    cr_assert_eq(exit_status(pid), 0);
    tail_close(t);
    munmap(b, sizeof *b);
    return n;
}

/* Whatever it sees of a frame that is being written over an older life. */
Test(reused, a_reader_that_keeps_up_loses_nothing)
{
    struct read_total n = read_beside(true);

    cr_assert_eq(n.damaged, 0);
    cr_assert_eq(n.expired, 0);
    cr_assert_eq(n.delivered, n.next);
}

/* What it reads is right, and what it does not read has expired: no life is taken for another. */
Test(reused, a_reader_that_is_overtaken_finds_no_damage)
{
    struct read_total n = read_beside(false);

    cr_assert_eq(n.damaged, 0);
    cr_assert_eq(n.delivered + n.expired, n.next);
}
