/* fuzz_segment.c - a reader of the spool over a segment of arbitrary bytes
 *
 * The first byte says how. 'r': the rest is the file as it is. 'f': what is in the place of headers
 * and trailers is given right checksums first, where it has their magic, so that lengths, counts
 * and numbers that do not fit together come to be believed.
 */
#include "fuzz.h"
#include "spool/segment.h"
#include "spool/tail.h"

enum { LAST = 1000000, SALT = 7 };

static void mend_frame(uint8_t *p, size_t left)
{
    struct frame_header h;

    memcpy(&h.count, p + 4, 4);
    memcpy(&h.seq, p + 8, 8);
    memcpy(&h.length, p + 16, 4);
    h.payload_sum = 0;
    if (h.length <= left - FRAME_HEADER)
        h.payload_sum = frame_sum(p + FRAME_HEADER, h.length, SALT);
    frame_header_put(p, &h, SALT);
}

/* What is written by the functions that write it, in their magic's place. */
static void mend(uint8_t *p, size_t n)
{
    const struct segment_header s = {.first_seq = 0, .salt = SALT};
    uint8_t frame[FRAME_HEADER], trailer[FRAME_TRAILER];
    struct frame_header h = {.count = 1};

    if (n < SEGMENT_HEADER)
        return;
    segment_header_put(p, &s);
    frame_header_put(frame, &h, SALT);
    frame_trailer_put(trailer, &h, SALT);
    for (size_t at = SEGMENT_HEADER; at + FRAME_HEADER <= n; at += 8)
        if (memcmp(p + at, frame, 4) == 0)
            mend_frame(p + at, n - at);
    for (size_t at = SEGMENT_HEADER; at + FRAME_TRAILER <= n; at += 8)
        if (memcmp(p + at, trailer, 4) == 0) {
            memcpy(&h.count, p + at + 4, 4);
            memcpy(&h.seq, p + at + 8, 8);
            memcpy(&h.length, p + at + 16, 4);
            frame_trailer_put(p + at, &h, SALT);
        }
}

/* To the end; a sum over what it gave. */
static uint64_t read_all(int dirfd, uint64_t from)
{
    struct tail *t = tail_open(dirfd, from);
    struct tail_frame f;
    enum tail_result r;
    uint64_t next = from, sum = 0;

    HOLDS(t != NULL);
    while ((r = tail_next(t, &f)) != TAIL_WAIT) {
        HOLDS(r == TAIL_FRAME || r == TAIL_LOST);
        if (r == TAIL_LOST) {
            HOLDS(f.seq == next && f.lost > 0 && f.lost <= SEQ_MAX);
            next += f.lost;
            sum = sum * 31 + f.lost;
            continue;
        }
        HOLDS(f.seq <= next && f.count > 0 && f.seq + f.count > next);
        HOLDS((uintptr_t)f.payload % 8 == 0);
        sum = sum * 31 + frame_sum(f.payload, f.length, f.seq); /* every byte of it can be read */
        next = f.seq + f.count;
    }
    HOLDS(next >= LAST);
    tail_close(t);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    int dirfd = fuzz_folder();
    char name[SEGMENT_NAME], last[SEGMENT_NAME];
    uint8_t *copy;

    if (n < 1 || n > 64 << 10 || (copy = malloc(n)) == NULL)
        return 0;
    memcpy(copy, p + 1, n - 1);
    if (p[0] == 'f')
        mend(copy, n - 1);
    segment_name(name, 0);
    segment_name(last, LAST);
    fuzz_file(dirfd, name, copy, n - 1);
    fuzz_file(dirfd, last, "", 0); /* something newer, so that damage counts */
    HOLDS(read_all(dirfd, 0) == read_all(dirfd, 0));
    (void)read_all(dirfd, 5);
    (void)unlinkat(dirfd, name, 0);
    (void)unlinkat(dirfd, last, 0);
    free(copy);
    return 0;
}
