/* tests/unit/spool/test_backlog.c - what the spool cannot take yet: bounded, in order, and nothing twice */
#include <signal.h>
#include <sys/resource.h>

#include "rig/spool_dir.h"
#include "spool/commit.h"

TestSuite(backlog, .init = spool_dir_make, .fini = spool_dir_remove);

static bool hold(struct backlog *b, struct append *a, uint32_t count)
{
    size_t n = pattern_size(count);
    unsigned char *p = malloc(n);
    uint64_t seq = append_next_seq(a) + b->metrics;
    bool r;

    for (size_t i = 0; i < n; i++)
        p[i] = pattern_byte(seq, i);
    r = backlog_put(b, p, n, count);
    free(p); /* it has a copy */
    return r;
}

Test(backlog, is_written_in_order_once_there_is_room)
{
    struct append *a = open_writer(1 << 20);
    struct backlog b = {0};
    struct read_total n;

    put_frame(a, 10);
    cr_assert_eq(backlog_flush(&b, a), 0, "an empty one");
    limit_file_size(SEGMENT_HEADER + 10);
    for (uint32_t i = 1; i <= 100; i++)
        cr_assert(hold(&b, a, i));
    cr_assert_eq(b.metrics, 5050);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(backlog_flush(&b, a), -1);
        cr_assert_eq(errno, EFBIG);
        cr_assert_eq(b.metrics, 5050);
    }
    limit_file_size(RLIM_INFINITY);
    cr_assert_eq(backlog_flush(&b, a), 0);
    cr_assert_eq(b.metrics, 0);
    cr_assert_eq(b.bytes, 0);
    put_frame(a, 10);
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 5070);
    cr_assert_eq(n.damaged + n.expired, 0);
    append_close(a);
}

/* Room for some of it: the rest stays, in order. */
Test(backlog, is_written_as_far_as_there_is_room)
{
    struct append *a = open_writer(600);
    struct backlog b = {0};
    struct read_total n;

    for (uint32_t i = 1; i <= 200; i++)
        cr_assert(hold(&b, a, i));
    for (rlim_t limit = 200; b.metrics > 0; limit += 25) {
        uint64_t before = b.metrics + append_next_seq(a);
        limit_file_size(limit);
        backlog_flush(&b, a);
        limit_file_size(RLIM_INFINITY);
        cr_assert_eq(b.metrics + append_next_seq(a), before);
        cr_assert_lt(limit, 2000);
    }
    n = read_all_from(0);
    cr_assert_eq(n.delivered, 200 * 201 / 2);
    cr_assert_eq(n.damaged + n.expired, 0);
    append_close(a);
}

Test(backlog, holds_so_much_and_no_more)
{
    struct append *a = open_writer(1 << 20);
    struct backlog b = {0};
    uint64_t n = 0;

    while (hold(&b, a, 20000)) /* 60,001 bytes */
        n++;
    cr_assert_eq(n, BACKLOG_MAX / 60001);
    cr_assert_leq(b.bytes, BACKLOG_MAX);
    cr_assert_gt(b.bytes, BACKLOG_MAX - 61000);
    n = 0;
    while (hold(&b, a, 1)) /* what a batch costs besides its bytes counts */
        n++;
    cr_assert_lt(n, 61000 / 16);
    backlog_clear(&b);
    cr_assert_eq(b.bytes + b.metrics, 0);
    cr_assert_not(backlog_put(&b, "", BACKLOG_MAX, 1));
    cr_assert_not(backlog_put(&b, "", SIZE_MAX, 1));
    cr_assert(hold(&b, a, 1));
    backlog_clear(&b);
    append_close(a);
}
