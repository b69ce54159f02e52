/* tests/unit/spool/test_segment.c - the bytes of a segment: what is valid, what is not, which files count */
#include "base/clock.h"
#include "rig/spool_dir.h"

TestSuite(segment, .init = spool_dir_make, .fini = spool_dir_remove);

enum { COPY = SEGMENT_HEADER / 2 };

Test(segment, headers_round_trip)
{
    struct segment_header h = {12345678901234567ULL, 0xfedcba9876543210ULL, -5, 4711}, g;
    struct frame_header f = {SEQ_MAX - 9, 9, 4711, 0x0123456789abcdefULL, 5}, e;
    uint8_t s[SEGMENT_HEADER], p[FRAME_HEADER];

    segment_header_put(s, &h);
    cr_assert_eq(segment_header_get(s, &g), SEGMENT_GOOD);
    cr_assert_eq(g.first_seq, h.first_seq);
    cr_assert_eq(g.salt, h.salt);
    cr_assert_eq(g.created_ns, h.created_ns);
    frame_header_put(p, &f, 77);
    cr_assert(frame_header_get(p, &e, 77));
    cr_assert_eq(e.seq, f.seq);
    cr_assert_eq(e.count, f.count);
    cr_assert_eq(e.length, f.length);
    cr_assert_eq(e.payload_sum, f.payload_sum);
    cr_assert_eq(e.accepted_ms, f.accepted_ms);
    cr_assert_not(frame_header_get(p, &e, 78), "another segment's salt");
    frame_trailer_put(p, &f, 77);
    cr_assert(frame_trailer_get(p, &e, 77));
    cr_assert_eq(e.seq, f.seq);
    cr_assert_eq(e.count, f.count);
    cr_assert_eq(e.length, f.length);
    cr_assert_not(frame_trailer_get(p, &e, 78), "another segment's salt");
    cr_assert_not(frame_header_get(p, &e, 77), "a trailer is no header");
}

Test(segment, a_frame_says_when_it_was_accepted)
{
    const struct segment_header s = {1, 2, 1700000000 * NS_PER_S, 0};
    const int64_t most = (int64_t)(UINT32_MAX - 1) * NS_PER_MS;

    cr_assert_eq(frame_accepted_put(&s, s.created_ns), 1);
    cr_assert_eq(frame_accepted_put(&s, s.created_ns + 1234567890), 1235);
    cr_assert_eq(frame_accepted_get(&s, 1235), s.created_ns + 1234000000);
    cr_assert_eq(frame_accepted_get(&s, 0), 0);
    cr_assert_eq(frame_accepted_put(&s, s.created_ns + most), UINT32_MAX);
    cr_assert_eq(frame_accepted_put(&s, s.created_ns + most + NS_PER_MS), 0);
    cr_assert_eq(frame_accepted_put(&s, s.created_ns - NS_PER_S), 1);
    cr_assert_eq(frame_accepted_put(&s, s.created_ns - NS_PER_S - 1), 0);
    cr_assert_eq(frame_accepted_put(&s, INT64_MAX), 0);
}

Test(segment, a_date_beyond_all_dates_says_nothing)
{
    const struct segment_header s = {1, 2, INT64_MAX - 1, 0};

    cr_assert_eq(frame_accepted_get(&s, 1), INT64_MAX - 1);
    cr_assert_eq(frame_accepted_get(&s, UINT32_MAX), 0);
}

static void flip(uint8_t *p, unsigned bit)
{
    p[bit / 8] = (uint8_t)(p[bit / 8] ^ (1U << bit % 8));
}

Test(segment, every_flipped_bit_is_noticed)
{
    struct segment_header h = {1, 2, 3, 0};
    struct frame_header f = {1, 2, 3, 4, 5};
    uint8_t s[SEGMENT_HEADER], p[FRAME_HEADER];

    segment_header_put(s, &h);
    for (unsigned i = 0; i < COPY * 8; i++) {
        flip(s, i);
        cr_assert_eq(segment_header_get(s, &h), SEGMENT_GOOD, "bit %u: there is the other copy", i);
        flip(s, i + COPY * 8);
        cr_assert_neq(segment_header_get(s, &h), SEGMENT_GOOD, "bit %u", i);
        flip(s, i);
        cr_assert_eq(segment_header_get(s, &h), SEGMENT_GOOD, "bit %u: there is the first", i);
        flip(s, i + COPY * 8);
    }
    frame_header_put(p, &f, 9);
    for (unsigned i = 0; i < FRAME_HEADER * 8; i++) {
        flip(p, i);
        cr_assert_not(frame_header_get(p, &f, 9), "bit %u", i);
        flip(p, i);
    }
    cr_assert(frame_header_get(p, &f, 9));
    frame_trailer_put(p, &f, 9);
    for (unsigned i = 0; i < FRAME_TRAILER * 8; i++) {
        flip(p, i);
        cr_assert_not(frame_trailer_get(p, &f, 9), "bit %u", i);
        flip(p, i);
    }
    cr_assert(frame_trailer_get(p, &f, 9));
}

Test(segment, impossible_frames_are_refused_although_their_sum_is_right)
{
    const struct frame_header bad[] = {{1, 0, 8, 0, 0},
                                       {1, 1, FRAME_MAX + 1, 0, 0},
                                       {SEQ_MAX, 1, 8, 0, 0},
                                       {UINT64_MAX, 2, 8, 0, 0}};
    struct frame_header out;
    uint8_t p[FRAME_HEADER];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        frame_header_put(p, &bad[i], 1);
        cr_assert_not(frame_header_get(p, &out, 1), "case %zu", i);
        frame_trailer_put(p, &bad[i], 1);
        cr_assert_not(frame_trailer_get(p, &out, 1), "case %zu", i);
    }
}

Test(segment, a_later_format_is_told_from_damage)
{
    struct segment_header h = {5, 6, 7, 0};
    uint8_t s[SEGMENT_HEADER];

    segment_header_put(s, &h);
    s[8] = 77;
    cr_assert_eq(segment_header_get(s, &h), SEGMENT_GOOD, "a flipped bit in one copy");
    memset(s + 16, 0x5a, sizeof s - 16);
    cr_assert_eq(segment_header_get(s, &h), SEGMENT_LATER);
    s[8] = 1;
    cr_assert_eq(segment_header_get(s, &h), SEGMENT_BAD);
    s[8] = 77;
    s[0] = 'g';
    cr_assert_eq(segment_header_get(s, &h), SEGMENT_BAD);
}

Test(segment, frames_are_padded_to_eight)
{
    cr_assert_eq(frame_size(0), FRAME_HEADER + FRAME_TRAILER);
    cr_assert_eq(frame_size(1), FRAME_HEADER + 8 + FRAME_TRAILER);
    cr_assert_eq(frame_size(8), FRAME_HEADER + 8 + FRAME_TRAILER);
    cr_assert_eq(frame_size(9), FRAME_HEADER + 16 + FRAME_TRAILER);
}

static void with_header(uint64_t first_seq)
{
    struct segment_header h = {first_seq, 6, 7, 0};
    uint8_t s[SEGMENT_HEADER];
    int fd = open_segment(first_seq);

    segment_header_put(s, &h);
    cr_assert_eq(write(fd, s, sizeof s), (ssize_t)sizeof s);
    close(fd);
}

Test(segment, the_list_is_sorted_and_ignores_foreign_files)
{
    static const char *const foreign[] = {"lock",
                                          "sinks",
                                          "1.seg",
                                          "00000000000000000001.seg.tmp",
                                          ".00000000000000000001.seg.tmp",
                                          "00000000000000000001.sig",
                                          "0000000000000000001.seg",
                                          "000000000000000000001.seg",
                                          "04611686018427387904.seg",
                                          "09223372036854775807.seg",
                                          "18446744073709551615.seg",
                                          "99999999999999999999.seg",
                                          "-0000000000000000001.seg"};
    struct segment_list l;

    cr_assert_eq(segment_list(spool_dir.fd, &l), 0);
    cr_assert_eq(l.n, 0);
    segment_list_free(&l);
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        write_spool_file(foreign[i], "x");
    cr_assert_eq(mkdirat(spool_dir.fd, "00000000000000000002.seg", 0700), 0);
    cr_assert_eq(mkfifoat(spool_dir.fd, "00000000000000000003.seg", 0600), 0);
    cr_assert_eq(symlinkat("lock", spool_dir.fd, "00000000000000000004.seg"), 0);
    for (uint64_t i = 0; i < 100; i++)
        close(open_segment((i * 37 % 100) * 1000 + 7));
    close(open_segment(SEQ_BELIEVED));
    close(open_segment(SEQ_BELIEVED + 1)); /* a name alone does not use up the numbers */
    close(open_segment(SEQ_MAX - 1));
    with_header(SEQ_MAX);
    cr_assert_eq(segment_list(spool_dir.fd, &l), 0);
    cr_assert_eq(l.n, 102);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(l.first_seq[i], i * 1000 + 7);
    cr_assert_eq(l.first_seq[100], SEQ_BELIEVED);
    cr_assert_eq(l.first_seq[101], SEQ_MAX);
    segment_list_free(&l);
}

Test(segment, open_tells_a_valid_header_from_others)
{
    struct segment_header h = {5, 6, 7, 0}, g;
    uint8_t s[SEGMENT_HEADER];
    enum segment_state state = SEGMENT_GOOD;
    int fd = open_segment(5);

    segment_header_put(s, &h);
    cr_assert_eq(write(fd, s, sizeof s - 1), (ssize_t)sizeof s - 1);
    close(fd);
    fd = segment_open(spool_dir.fd, 5, &g, &state);
    cr_assert_geq(fd, 0);
    cr_assert_eq(state, SEGMENT_BAD, "one byte is missing");
    close(fd);
    fd = open_segment(5);
    cr_assert_eq(write(fd, s, sizeof s), (ssize_t)sizeof s);
    close(fd);
    fd = segment_open(spool_dir.fd, 5, &g, &state);
    cr_assert_eq(state, SEGMENT_GOOD);
    cr_assert_eq(g.salt, 6);
    close(fd);
    cr_assert_eq(renameat(spool_dir.fd, "00000000000000000005.seg", spool_dir.fd,
                          "00000000000000000006.seg"),
                 0);
    fd = segment_open(spool_dir.fd, 6, &g, &state);
    cr_assert_geq(fd, 0);
    cr_assert_eq(state, SEGMENT_BAD, "it says that it begins at 5");
    close(fd);
    cr_assert_eq(segment_open(spool_dir.fd, 5, &g, &state), -1);
    cr_assert_eq(errno, ENOENT);
}
