/* spool/segment.h - the bytes of a segment file, and which segments there are
 *
 * A segment is named by the sequence number of its first metric, "%020llu.seg", and holds a header,
 * twice, and then frames. A frame is one intake batch: a 40-byte header, the payload (records, see
 * model/record.h), zero padding to 8, and a 32-byte trailer that says again which metrics these
 * are. Each part has a checksum (XXH3, seeded with the segment's secret random salt, so that no
 * payload can forge a frame): a bad length cannot derail a reader. All integers are little-endian.
 * Nothing in here writes.
 *
 * So one damaged place costs at most the frame it is in, and what that held is still known: its
 * header or its trailer says so, also when it was the last one and nothing stands behind it. A
 * frame that the file ends within was never whole and counts as nothing.
 *
 * What is left: when header and trailer of the newest segment's last frames are both destroyed,
 * or both copies of its header, or the file is cut, nothing in the segment tells how far it
 * went. The writer then goes on at the highest number that a segment, a frame or a cursor still
 * knows; what was accepted beyond it is lost uncounted, and its numbers are given out again,
 * which no sink can notice, since none has come that far. A segment of a later format keeps its
 * file, and counts as holding what would fit into it (SEGMENT_LATER).
 *
 * A file may have been a segment before (spool/reserve.h): then its header says up to where there are bytes of
 * an older life, and the last frame is followed by an end mark. Under another salt those bytes are noise,
 * which nobody need read through, and in such a segment a frame without its trailer never was: what
 * follows a torn one is not the end of the file.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_HEADER = 128, /* both copies */
    FRAME_HEADER = 40,
    FRAME_TRAILER = 32,
    FRAME_END = 24,      /* the mark behind the last one: less than a header, which will cover it */
    FRAME_MAX = 16 << 20 /* payload */
};
#define SEQ_MAX ((uint64_t)INT64_MAX / 2) /* nothing in the spool may claim to be beyond it */
/* What alone says how far the numbers have come is believed up to here, and is damage beyond: a file
 * by its name, which has no checksum, or a cursor that is ahead of all segments. So nothing uses up
 * the numbers but metrics: at a million a second, those that are left then last for 70,000 years. */
#define SEQ_BELIEVED (SEQ_MAX / 2)

struct segment_header {
    uint64_t first_seq, salt;
    int64_t created_ns; /* wall clock */
    uint64_t older;     /* bytes of an older life are in the file up to here; 0: none */
};
struct frame_header {
    uint64_t seq;    /* of its first metric */
    uint32_t count;  /* metrics */
    uint32_t length; /* payload bytes, without padding */
    uint64_t payload_sum;
    uint32_t
        accepted_ms; /* when its metrics were: so long after the segment was made, plus 1; 0: not
                             known, as in all that was written before there was this */
};

enum segment_state {
    SEGMENT_BAD, /* torn, damaged, another segment's: no frame in it can be told from noise */
    SEGMENT_GOOD,
    SEGMENT_LATER, /* a later Garnet's: likewise */
};

void segment_header_put(uint8_t out[SEGMENT_HEADER], const struct segment_header *h);
/* One good copy is enough. */
enum segment_state segment_header_get(const uint8_t in[SEGMENT_HEADER], struct segment_header *h);
void frame_header_put(uint8_t out[FRAME_HEADER], const struct frame_header *h, uint64_t salt);
bool frame_header_get(const uint8_t in[FRAME_HEADER], struct frame_header *h, uint64_t salt);
/* The wall clock's time of acceptance as a frame has it: 0 where it has no room for that, before the
 * segment or 49 days after it. What came up to a second before counts as with it. */
uint32_t frame_accepted_put(const struct segment_header *s, int64_t accepted_ns);
int64_t frame_accepted_get(const struct segment_header *s, uint32_t accepted_ms); /* 0: not known */
/* In a trailer there is no sum of the payload, and no time: get leaves both 0. */
void frame_trailer_put(uint8_t out[FRAME_TRAILER], const struct frame_header *h, uint64_t salt);
bool frame_trailer_get(const uint8_t in[FRAME_TRAILER], struct frame_header *h, uint64_t salt);
/* `next`: the number that the next frame will have. */
void frame_end_put(uint8_t out[FRAME_END], uint64_t next, uint64_t salt);
bool frame_end_get(const uint8_t in[FRAME_END], uint64_t *next, uint64_t salt);
/* Whether one is needed behind what ends at `end`. So close to the end of a file no frame begins. */
bool frame_end_needed(const struct segment_header *s, uint64_t end);
uint64_t frame_sum(const void *payload, size_t n, uint64_t salt);
size_t frame_size(uint32_t length); /* header, payload, padding and trailer */

struct segment_list { /* sorted; owned, free with segment_list_free() */
    uint64_t *first_seq;
    size_t n, cap;
};
enum { SEGMENT_NAME = 32 };
void segment_name(char out[SEGMENT_NAME], uint64_t first_seq);
bool segment_is_name(const char *name);
/* Foreign files in the folder are ignored. -1 with errno. */
int segment_list(int dirfd, struct segment_list *l);
void segment_list_free(struct segment_list *l);
/* 1, or 0 when there is none; -1 with errno. */
int segment_oldest(int dirfd, uint64_t *first_seq);
/* Opens one for reading and fetches its header. The descriptor, or -1 with errno. */
int segment_open(int dirfd, uint64_t first_seq, struct segment_header *h,
                 enum segment_state *state);
/* Where the stretch of log begins that the place `at` depends on. Nothing in the spool says when a metric
 * came, but segments do: what is in one came after it was made, and what is in those before, earlier.
 * So everything that came within the window before the segment that holds `at` lies at or behind the
 * beginning of the newest segment that was made at least so long before that one. It is a function of
 * the log, never goes back, and costs no clock. 0 where no segment is old enough, or the folder cannot
 * be read: everything that there is. */
uint64_t segment_horizon(int dirfd, uint64_t at, int64_t window_ns);
/* Whether the errno of a read says that this place cannot be read, now or ever: a bad sector, or
 * the file system's own checksum. Other errors may pass. */
bool segment_rotten(int error);
