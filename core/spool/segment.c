/* spool/segment.c - the layout of headers, frames and trailers, and the list of a folder
 *
 * Segment header, 64 bytes, twice:             Frame header, 40 bytes:
 *    0  "GARNETSG"                                0  u32 "GFRM"
 *    8  u32 format version, u32 zero              4  u32 count
 *   16  u64 first_seq                             8  u64 seq
 *   24  u64 salt                                 16  u32 length, u32 accepted_ms
 *   32  i64 created_ns                           24  u64 sum of the payload
 *   40  u64 older                                32  u64 sum of the 32 bytes before
 *   48  zero
 *   56  u64 sum of the 56 bytes before         Frame trailer, 32 bytes:
 *                                                 0  u32 "GEND"
 * End mark, 24 bytes:                             4  u32 count
 *    0  "GARNLAST"                                8  u64 seq
 *    8  u64 next                                 16  u32 length, u32 zero
 *   16  u64 sum of the 16 bytes before           24  u64 sum of the 24 bytes before
 *
 * A version that knows neither `older` nor the mark takes both for nothing, and reads all the same.
 *
 * Fails only as the kernel or malloc does, with errno. Whatever a file holds, the answer is "valid"
 * or "not".
 */
#include "spool/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/le.h"
#include "spool/opener.h"

enum { FORMAT = 2, DIGITS = 20, COPY = SEGMENT_HEADER / 2 };
static const char MAGIC[8] = {'G', 'A', 'R', 'N', 'E', 'T', 'S', 'G'};
enum { FRAME_MAGIC = 0x4d524647 };   /* "GFRM" */
enum { TRAILER_MAGIC = 0x444e4547 }; /* "GEND" */
static const char LAST[8] = {'G', 'A', 'R', 'N', 'L', 'A', 'S', 'T'};
static const char SUFFIX[] = ".seg";

void segment_header_put(uint8_t out[SEGMENT_HEADER], const struct segment_header *h)
{
    memset(out, 0, SEGMENT_HEADER);
    memcpy(out, MAGIC, sizeof MAGIC);
    le32_put(out + 8, FORMAT);
    le64_put(out + 16, h->first_seq);
    le64_put(out + 24, h->salt);
    le64_put(out + 32, (uint64_t)h->created_ns);
    le64_put(out + 40, h->older);
    le64_put(out + 56, XXH3_64bits(out, 56));
    memcpy(out + COPY, out, COPY);
}

static bool copy_get(const uint8_t in[COPY], struct segment_header *h)
{
    if (memcmp(in, MAGIC, sizeof MAGIC) != 0 || le32_get(in + 8) != FORMAT ||
        le64_get(in + 56) != XXH3_64bits(in, 56))
        return false;
    h->first_seq = le64_get(in + 16);
    h->salt = le64_get(in + 24);
    h->created_ns = (int64_t)le64_get(in + 32);
    h->older = le64_get(in + 40);
    return true;
}

/* Magic and version stay where they are in every format to come; nothing else is known of one. */
enum segment_state segment_header_get(const uint8_t in[SEGMENT_HEADER], struct segment_header *h)
{
    if (copy_get(in, h) || copy_get(in + COPY, h))
        return SEGMENT_GOOD;
    return memcmp(in, MAGIC, sizeof MAGIC) == 0 && le32_get(in + 8) > FORMAT ? SEGMENT_LATER
                                                                             : SEGMENT_BAD;
}

/* What a header and a trailer begin with: 24 bytes. */
static void frame_part_put(uint8_t *out, uint32_t magic, const struct frame_header *h, uint32_t ms)
{
    le32_put(out, magic);
    le32_put(out + 4, h->count);
    le64_put(out + 8, h->seq);
    le32_put(out + 16, h->length);
    le32_put(out + 20, ms);
}

static bool frame_part_get(const uint8_t *in, struct frame_header *h)
{
    h->count = le32_get(in + 4);
    h->seq = le64_get(in + 8);
    h->length = le32_get(in + 16);
    return h->count > 0 && h->length <= FRAME_MAX && h->seq <= SEQ_MAX - h->count;
}

void frame_header_put(uint8_t out[FRAME_HEADER], const struct frame_header *h, uint64_t salt)
{
    frame_part_put(out, FRAME_MAGIC, h, h->accepted_ms);
    le64_put(out + 24, h->payload_sum);
    le64_put(out + 32, XXH3_64bits_withSeed(out, 32, salt));
}

/* The magic is looked at first: after damage this is asked at every eighth byte. */
bool frame_header_get(const uint8_t in[FRAME_HEADER], struct frame_header *h, uint64_t salt)
{
    if (le32_get(in) != FRAME_MAGIC || le64_get(in + 32) != XXH3_64bits_withSeed(in, 32, salt))
        return false;
    h->accepted_ms = le32_get(in + 20);
    h->payload_sum = le64_get(in + 24);
    return frame_part_get(in, h);
}

void frame_trailer_put(uint8_t out[FRAME_TRAILER], const struct frame_header *h, uint64_t salt)
{
    frame_part_put(out, TRAILER_MAGIC, h, 0);
    le64_put(out + 24, XXH3_64bits_withSeed(out, 24, salt));
}

bool frame_trailer_get(const uint8_t in[FRAME_TRAILER], struct frame_header *h, uint64_t salt)
{
    if (le32_get(in) != TRAILER_MAGIC || le64_get(in + 24) != XXH3_64bits_withSeed(in, 24, salt))
        return false;
    *h = (struct frame_header){0};
    return frame_part_get(in, h);
}

void frame_end_put(uint8_t out[FRAME_END], uint64_t next, uint64_t salt)
{
    memcpy(out, LAST, sizeof LAST);
    le64_put(out + 8, next);
    le64_put(out + 16, XXH3_64bits_withSeed(out, 16, salt));
}

bool frame_end_get(const uint8_t in[FRAME_END], uint64_t *next, uint64_t salt)
{
    if (memcmp(in, LAST, sizeof LAST) != 0 ||
        le64_get(in + 16) != XXH3_64bits_withSeed(in, 16, salt))
        return false;
    *next = le64_get(in + 8);
    return *next <= SEQ_MAX;
}

bool frame_end_needed(const struct segment_header *s, uint64_t end)
{
    return s->older >= end + FRAME_HEADER;
}

uint32_t frame_accepted_put(const struct segment_header *s, int64_t accepted_ns)
{
    int64_t ns = accepted_ns - s->created_ns;

    if (ns < -NS_PER_S || ns / NS_PER_MS >= UINT32_MAX)
        return 0;
    return ns < 0 ? 1 : (uint32_t)(ns / NS_PER_MS) + 1;
}

int64_t frame_accepted_get(const struct segment_header *s, uint32_t accepted_ms)
{
    int64_t ns;

    if (accepted_ms == 0 ||
        __builtin_add_overflow(s->created_ns, (accepted_ms - 1) * NS_PER_MS, &ns))
        return 0; /* nobody writes a date so far ahead but to break us */
    return ns;
}

uint64_t frame_sum(const void *payload, size_t n, uint64_t salt)
{
    return XXH3_64bits_withSeed(payload, n, salt);
}

size_t frame_size(uint32_t length)
{
    return FRAME_HEADER + (((size_t)length + 7) & ~(size_t)7) + FRAME_TRAILER;
}

void segment_name(char out[SEGMENT_NAME], uint64_t first_seq)
{
    snprintf(out, SEGMENT_NAME, "%0*" PRIu64 "%s", DIGITS, first_seq, SUFFIX);
}

static bool parse_name(const char *name, uint64_t *first_seq)
{
    uint64_t v = 0;

    for (int i = 0; i < DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9' || v > SEQ_MAX / 10)
            return false;
        v = v * 10 + (uint64_t)(name[i] - '0');
    }
    *first_seq = v;
    return v <= SEQ_MAX && strcmp(name + DIGITS, SUFFIX) == 0;
}

/* A header that says the same has a checksum. */
static bool believed(int dirfd, uint64_t first_seq)
{
    struct segment_header h;
    enum segment_state state = SEGMENT_BAD;
    int fd;

    if (first_seq <= SEQ_BELIEVED)
        return true;
    fd = segment_open(dirfd, first_seq, &h, &state);
    fd_close(&fd);
    return state == SEGMENT_GOOD;
}

bool segment_is_name(const char *name)
{
    uint64_t first_seq;

    return parse_name(name, &first_seq);
}

/* Some file systems do not fill in d_type. */
static bool is_file(int dirfd, const struct dirent *d)
{
    struct stat st;

    if (d->d_type != DT_UNKNOWN)
        return d->d_type == DT_REG;
    return opener_stat(dirfd, d->d_name, &st) == 0 && S_ISREG(st.st_mode);
}

static bool list_put(struct segment_list *l, uint64_t first_seq)
{
    size_t cap = l->cap > 0 ? l->cap * 2 : 32;
    uint64_t *p = l->n < l->cap ? l->first_seq : reallocarray(l->first_seq, cap, sizeof *p);

    if (p == NULL)
        return false;
    l->cap = l->n < l->cap ? l->cap : cap;
    l->first_seq = p;
    l->first_seq[l->n++] = first_seq;
    return true;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* 0 or an errno. */
static int collect_names(DIR *list, struct segment_list *l)
{
    uint64_t first_seq;
    struct dirent *d;

    while (errno = 0, (d = readdir(list)) != NULL)
        if (parse_name(d->d_name, &first_seq) && is_file(dirfd(list), d) &&
            believed(dirfd(list), first_seq) && !list_put(l, first_seq))
            return ENOMEM;
    return errno;
}

int segment_list(int dirfd, struct segment_list *l)
{
    DIR *list = fd_list(opener_open(dirfd, ".", O_RDONLY | O_DIRECTORY));
    int e;

    *l = (struct segment_list){0};
    if (list == NULL)
        return -1;
    e = collect_names(list, l);
    closedir(list);
    if (e != 0) {
        segment_list_free(l);
        errno = e;
        return -1;
    }
    if (l->n > 1)
        qsort(l->first_seq, l->n, sizeof *l->first_seq, by_value);
    return 0;
}

void segment_list_free(struct segment_list *l)
{
    free(l->first_seq);
    *l = (struct segment_list){0};
}

int segment_oldest(int dirfd, uint64_t *first_seq)
{
    struct segment_list l;
    int there;

    if (segment_list(dirfd, &l) < 0)
        return -1;
    if ((there = l.n > 0))
        *first_seq = l.first_seq[0];
    segment_list_free(&l);
    return there;
}

int segment_open(int dirfd, uint64_t first_seq, struct segment_header *h, enum segment_state *state)
{
    char name[SEGMENT_NAME];
    uint8_t head[SEGMENT_HEADER];
    ssize_t n;
    int fd;

    *state = SEGMENT_BAD;
    segment_name(name, first_seq);
    /* Non-blocking for what was put there since the listing: a FIFO must not hold us. */
    fd = opener_open(dirfd, name, O_RDONLY);
    if (fd < 0)
        return -1;
    n = fd_read_at(fd, head, sizeof head, 0);
    if (n < 0 && !segment_rotten(errno)) { /* which says nothing of the segment */
        fd_close(&fd);
        return -1;
    }
    if (n == (ssize_t)sizeof head)
        *state = segment_header_get(head, h);
    if (*state == SEGMENT_GOOD && h->first_seq != first_seq)
        *state = SEGMENT_BAD;
    return fd;
}

bool segment_rotten(int error)
{
    return error == EIO || error == EBADMSG || error == EUCLEAN || error == ENODATA;
}

/* When it was made; false if that cannot be known. */
static bool created(int dirfd, uint64_t first_seq, int64_t *ns)
{
    struct segment_header h = {0};
    enum segment_state state;
    int fd = segment_open(dirfd, first_seq, &h, &state);

    if (fd < 0)
        return false;
    fd_close(&fd);
    *ns = h.created_ns;
    return state == SEGMENT_GOOD;
}

/* Reads the headers of as many segments as the window has, and one more. A segment whose header cannot
 * be read says nothing, and the one before it counts: rather too much is read than too little. */
uint64_t segment_horizon(int dirfd, uint64_t at, int64_t window_ns)
{
    struct segment_list l;
    int64_t end = 0, made;
    uint64_t found = 0;
    bool known = false;
    size_t i;

    if (segment_list(dirfd, &l) < 0)
        return 0;
    for (i = l.n; i > 0 && l.first_seq[i - 1] > at; i--)
        ;
    for (; i > 0 && found == 0; i--) {
        if (!created(dirfd, l.first_seq[i - 1], &made))
            continue;
        if (known && clock_between(made, end) >= window_ns)
            found = l.first_seq[i - 1];
        end = known ? end : made;
        known = true;
    }
    segment_list_free(&l);
    return found;
}
