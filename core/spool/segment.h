/* spool/segment.h - the bytes of a segment file, and which segments there are
 *
 * A segment is named by the sequence number of its first metric, "%020llu.seg", and holds a 64-byte
 * header and then frames. A frame is one intake batch: a 40-byte header, the payload (records, see
 * model/record.h), zero padding to 8. Header and payload have a checksum each (XXH3, seeded with
 * the segment's secret random salt, so that no payload can forge a frame): a bad length cannot
 * derail a reader. All integers are little-endian. Nothing in here writes.
 */
#ifndef SPOOL_SEGMENT_H
#define SPOOL_SEGMENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGMENT_HEADER = 64, FRAME_HEADER = 40, FRAME_MAX = 16 << 20 /* payload */ };
#define SEQ_MAX ((uint64_t)INT64_MAX) /* nothing in the spool may claim to be beyond it */

struct segment_header {
    uint64_t first_seq, salt;
    int64_t created_ns; /* wall clock */
};
struct frame_header {
    uint64_t seq;    /* of its first metric */
    uint32_t count;  /* metrics */
    uint32_t length; /* payload bytes, without padding */
    uint64_t payload_sum;
};

void segment_header_put(uint8_t out[SEGMENT_HEADER], const struct segment_header *h);
bool segment_header_get(const uint8_t in[SEGMENT_HEADER], struct segment_header *h);
void frame_header_put(uint8_t out[FRAME_HEADER], const struct frame_header *h, uint64_t salt);
bool frame_header_get(const uint8_t in[FRAME_HEADER], struct frame_header *h, uint64_t salt);
uint64_t frame_sum(const void *payload, size_t n, uint64_t salt);
size_t frame_size(uint32_t length); /* header, payload and padding */

struct segment_list { /* sorted; owned, free with segment_list_free() */
    uint64_t *first_seq;
    size_t n;
};
enum { SEGMENT_NAME = 32 };
void segment_name(char out[SEGMENT_NAME], uint64_t first_seq);
/* Foreign files in the folder are ignored. -1 with errno. */
int segment_list(int dirfd, struct segment_list *l);
void segment_list_free(struct segment_list *l);
/* Opens one for reading and fetches its header. The descriptor, or -1 with errno; *valid is false
 * when the header is torn, damaged or another segment's: then no frame in the file can be told from
 * noise. */
int segment_open(int dirfd, uint64_t first_seq, struct segment_header *h, bool *valid);

#endif
