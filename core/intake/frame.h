/* intake/frame.h - a stream of bytes -> one JSON object at a time
 *
 * Finds where each top-level object ends. Top-level arrays are transparent: their elements are framed
 * one by one, so that one bad object in an array costs only itself and an array of any length
 * needs no memory. It checks brackets, keys, colons, commas, nesting and raw control bytes; not
 * numbers, bare words, escapes or UTF-8. Those are the parser's, so that a Python NaN costs its own
 * object and not the rest of the line.
 *
 * After a fault it skips to the next line that starts a value (first non-blank `{` or `[`), the
 * faulty line itself excepted unless the fault is its first non-blank byte. An object that is cut
 * short just where a value may follow swallows the next line as that value, before the fault shows.
 * So the first line inside an object that starts a value is remembered, and when the object turns
 * out to be broken, scanning goes on from there: `again` bytes have to be handed in once more. Each
 * time they are nested one level less, so no byte is scanned more often than max_depth times.
 *
 * Two faults cost less: what is no object among an array's elements, and an object longer than
 * max_value; those are passed over, without memory, up to their end. How the bytes were cut into
 * calls never changes the outcome. Nothing here allocates or fails.
 */
#pragma once
#include "base/buf.h"
#include "base/why.h"

enum frame_result {
    FRAME_MORE,   /* all bytes used, no end in sight                                   */
    FRAME_OBJECT, /* an object ends at *used; f->start .. is where it began            */
    FRAME_FAULT,  /* f->why; the scanner has recovered or is skipping; go on calling   */
};

enum { FRAME_MAX_DEPTH = 128 }; /* the hard bound */

struct place { /* in the stream: line from 1, byte within the line from 1 */
    uint64_t line, byte;
};

struct frame {
    size_t max_value; /* set by frame_init() */
    /* of the current or just framed object */
    struct place start;
    size_t length; /* its bytes so far: they are the last `length` ones handed in */
    /* of the last fault */
    struct place fault;
    struct why why;
    size_t again; /* the last so many bytes handed in are to be handed in again, first */
    /* frame.c's own */
    struct place now;    /* of the next byte */
    struct place mark;   /* the first line within the value that starts a value; line 0: none */
    size_t mark_at;      /* ... after so many bytes of the value */
    uint64_t known_line; /* faults outside of objects are known up to this line */
    bool line_blank;     /* nothing but blanks on this line so far */
    bool
        passing; /* the value at hand has been reported: it is followed to its end, and yields nothing */
    uint8_t state, array;
    uint32_t depth, max_depth;
    uint64_t stack[FRAME_MAX_DEPTH / 64]; /* a bit a level: object or array */
};

void frame_init(struct frame *f, uint32_t max_depth, size_t max_value);
/* Scans p[0..n). On return *used bytes have been looked at; of those only the last f->length
 * are still needed: the caller keeps them, as they belong to an unfinished object. */
enum frame_result frame_scan(struct frame *f, const char *p, size_t n, size_t *used);
/* The stream ends, or has been idle for too long: FRAME_FAULT when inside a value or an array, else
 * FRAME_MORE. The stream may go on: what is left of the value is skipped, but for f->again. So call
 * until it is FRAME_MORE. */
enum frame_result frame_end(struct frame *f, const char *why);
/* The bytes of the object at hand are gone, for want of memory: likewise, and it cannot be gone
 * back to. */
enum frame_result frame_lose(struct frame *f, const char *why);
/* Where the byte at this offset of the object at hand stands; `object` is its bytes. */
struct place frame_place(const struct frame *f, struct str object, size_t offset);
/* Between values, and outside of any array. */
bool frame_between(const struct frame *f);
/* Then: passes over blanks; how many. */
size_t frame_blanks(struct frame *f, const char *p, size_t n);
/* Then: the next n bytes are an object, on one line, that was found by other means. */
void frame_pass(struct frame *f, size_t n);
bool frame_inside(const struct frame *f); /* inside an unfinished value: the idle limit applies */
