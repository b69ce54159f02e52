/* tests/unit/spool/test_bitflip.c - every single bit of a segment, turned over
 *
 * A segment of 64 KiB with another behind it. For each bit a reader starts anew: the frame that the
 * bit is in, and no other, is lost and counted; one in padding, in a trailer or in one copy of the
 * segment's header costs nothing. And a writer that opens the folder goes on at the number it was
 * at, when nothing stands behind the damage: for all bits of headers, many of the last frame and
 * some of the others. Every bit with GARNET_TEST_LONG=1; else every third of payloads, of anything
 * under the sanitizers every 61st.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "rig/spool_dir.h"

TestSuite(bitflip, .init = spool_dir_make, .fini = spool_dir_remove, .timeout = 600);

enum { SIZE = 64 << 10, FRAMES_MAX = 64, PIECE = 4096, WHOLE_EVERY = 97 };

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

struct place { /* a frame */
    size_t at, size, length;
    uint64_t seq;
    uint32_t count;
};

static struct place frames[FRAMES_MAX];
static size_t nframes;
static unsigned char *segment, *before; /* the file, mapped; as it was written */
static size_t size;
static bool in_memory;

/* In place of libc's, and in pieces, as a read may come: while only the segment is read it comes
 * from memory, or copying would be most of what this test does. */
ssize_t pread(int fd, void *p, size_t n, off_t off)
{
    n = n < PIECE ? n : PIECE;
    if (!in_memory)
        return syscall(SYS_pread64, fd, p, n, off);
    n = n < size - (size_t)off ? n : size - (size_t)off;
    memcpy(p, segment + off, n);
    return (ssize_t)n;
}

/* Frames of many sizes, the last of which ends at 64 KiB, give or take its padding. */
static void write_segment(bool sealed)
{
    struct append *a = open_writer(SIZE);
    int fd;

    for (size = SEGMENT_HEADER; size < SIZE; nframes++) {
        struct place *f = &frames[nframes];
        f->count = (uint32_t)(100 + nframes * 137 % 900);
        if (frame_size((uint32_t)pattern_size(f->count)) + 512 > SIZE - size)
            f->count = (uint32_t)(SIZE - size - frame_size(0)) / 3;
        f->seq = append_next_seq(a);
        f->length = pattern_size(f->count);
        f->at = size;
        f->size = frame_size((uint32_t)f->length);
        put_frame(a, f->count);
        size += f->size;
    }
    cr_assert_eq(segment_file_size(0), size);
    if (sealed) {
        put_frame(a, 7);
        cr_assert_eq(count_segments(), 2);
    }
    append_close(a);
    fd = open_segment(0);
    segment = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    before = malloc(size);
    cr_assert(segment != MAP_FAILED && before != NULL);
    memcpy(before, segment, size);
}

static void flip(size_t bit)
{
    segment[bit / 8] = (unsigned char)(segment[bit / 8] ^ (1U << bit % 8));
}

static size_t frame_of(size_t byte)
{
    size_t i = 0;

    while (i + 1 < nframes && byte >= frames[i + 1].at)
        i++;
    return i;
}

/* Whether a bit in this byte costs the frame. */
static bool costs(size_t byte, const struct place *f)
{
    return byte >= f->at && byte < f->at + FRAME_HEADER + f->length;
}

static bool in_payload(size_t byte)
{
    const struct place *f = &frames[frame_of(byte)];

    return byte >= f->at + FRAME_HEADER && byte < f->at + FRAME_HEADER + f->length;
}

static void expect_frame(struct tail *t, const struct place *f, size_t bit)
{
    struct tail_frame got;

    if (tail_next(t, &got) != TAIL_FRAME || got.seq != f->seq || got.count != f->count ||
        got.length != f->length ||
        memcmp(got.payload, before + f->at + FRAME_HEADER, f->length) != 0)
        cr_assert_fail("bit %zu: the frame at %zu is not as it was", bit, f->at);
}

/* The frames [first, end), of which `bad` is lost. */
static void expect(struct tail *t, size_t first, size_t end, size_t bad, size_t bit)
{
    struct tail_frame got;

    tail_seek(t, frames[first].seq);
    for (size_t i = first; i < end; i++)
        if (i != bad)
            expect_frame(t, &frames[i], bit);
        else if (tail_next(t, &got) != TAIL_LOST || got.seq != frames[i].seq ||
                 got.lost != frames[i].count || got.reason != TAIL_DAMAGED)
            cr_assert_fail("bit %zu: the frame at %zu is not counted as lost", bit, frames[i].at);
}

/* Near by the damage; now and then the whole spool. */
static void read_flipped(struct tail *t, size_t bit)
{
    size_t at = frame_of(bit / 8), bad = costs(bit / 8, &frames[at]) ? at : nframes;
    struct tail_frame got;

    if (bit % WHOLE_EVERY != 0 && at + 1 < nframes) {
        in_memory = true;
        expect(t, at > 0 ? at - 1 : 0, at + 2 < nframes ? at + 2 : at + 1, bad, bit);
        return;
    }
    in_memory = false;
    expect(t, 0, nframes, bad, bit);
    cr_assert_eq(tail_next(t, &got), TAIL_FRAME);
    cr_assert_eq(got.count, 7);
    cr_assert_eq(tail_next(t, &got), TAIL_WAIT);
}

static size_t stride(void)
{
    const char *all = getenv("GARNET_TEST_LONG");

    if (all && strcmp(all, "1") == 0)
        return 1;
    return SANITIZED ? 61 : 3;
}

Test(bitflip, costs_a_reader_the_frame_it_is_in_and_no_other)
{
    struct tail *t = tail_open(spool_dir.fd, 0);

    write_segment(true);
    for (size_t bit = 0, step; bit < size * 8; bit += step) {
        step = SANITIZED || in_payload(bit / 8) ? stride() : 1;
        flip(bit);
        read_flipped(t, bit);
        flip(bit);
    }
    tail_close(t);
    free(before);
    munmap(segment, size);
}

/* What a writer says when it opens the folder as it is. */
static uint64_t next_seq(void)
{
    struct append *a = open_writer(SIZE);
    uint64_t next = append_next_seq(a);

    append_close(a);
    return next;
}

static bool wanted(size_t bit)
{
    size_t byte = bit / 8;
    const struct place *f = &frames[frame_of(byte)], *last = &frames[nframes - 1];

    if (bit % WHOLE_EVERY == 0 || byte < SEGMENT_HEADER)
        return true;
    if (f == last)
        return byte < f->at + FRAME_HEADER || byte >= f->at + FRAME_HEADER + f->length ||
               bit % 5 == 0;
    return byte < f->at + FRAME_HEADER;
}

Test(bitflip, never_takes_a_number_from_the_writer)
{
    uint64_t next;
    size_t nth = 0;

    write_segment(false);
    next = frames[nframes - 1].seq + frames[nframes - 1].count;
    for (size_t bit = 0; bit < size * 8; bit++) {
        if (!wanted(bit) || nth++ % (SANITIZED ? stride() : 1) != 0)
            continue;
        flip(bit);
        if (next_seq() != next)
            cr_assert_fail("bit %zu", bit);
        flip(bit);
    }
    cr_assert_gt(nth, 10000);
    free(before);
    munmap(segment, size);
}
