/* intake/frame_scan.h - private to intake/frame*.c: the automaton's states, and one call's bytes
 *
 * frame.c has the top level and the calls, frame_value.c what is inside an object, frame_fault.c
 * what happens where the structure breaks.
 */
#ifndef INTAKE_FRAME_SCAN_H
#define INTAKE_FRAME_SCAN_H
#include "intake/frame.h"

enum state {
    TOP,           /* between values                                  */
    FIRST_ELEMENT, /* after the transparent [                         */
    ELEMENT,       /* after a comma in it                             */
    AFTER_ELEMENT, /* a comma or ]                                    */
    FIRST_KEY,     /* after {                                         */
    KEY,           /* after a comma in an object                      */
    COLON,         /* after a key                                     */
    VALUE,         /* after a colon, or after a comma in an array     */
    FIRST_VALUE,   /* after [                                         */
    AFTER_VALUE,   /* a comma, } or ]                                 */
    IN_KEY,        /* in a key's string                               */
    IN_KEY_ESCAPE, /* after its backslash                             */
    IN_STRING,
    IN_STRING_ESCAPE,
    IN_WORD,    /* a number, a literal, or what the parser will reject */
    SKIP_LINE,  /* after a fault: to the end of the line               */
    SKIP_BLANK, /* ... then to the first non-blank byte of the next   */
    IN_MARK,    /* in a byte order mark                                */
};

enum {
    NO_ARRAY,
    IN_ARRAY,
    MAYBE_ARRAY /* a fault has lost count: its commas and ] are harmless */
};

/* of a byte; in a string all up to SPACE are just text */
enum class { OTHER, WORD, SPACE, BLANK, CONTROL, QUOTE, BACKSLASH };

extern const uint8_t frame_class[256];

struct scan { /* one call of frame_scan() */
    struct frame *f;
    const char *p;
    size_t n, i;
    size_t from;    /* where the object begins in p; 0 when it began in an earlier call */
    size_t line_at; /* likewise the line */
    bool line_here; /* the line began in this call */
};

static inline uint8_t class_at(const struct scan *s)
{
    return frame_class[(unsigned char)s->p[s->i]];
}

static inline bool at_open(const struct scan *s)
{
    return s->p[s->i] == '{' || s->p[s->i] == '[';
}

static inline struct frame_place place(const struct scan *s)
{
    const struct frame_place *now = &s->f->now;

    return (struct frame_place){now->line, s->line_here ? s->i - s->line_at + 1 : now->byte + s->i};
}

/* Bytes of the object at hand, up to but without the byte at hand. */
static inline size_t length(const struct scan *s)
{
    return s->f->depth > 0 && !s->f->passing ? s->f->length + (s->i - s->from) : 0;
}

static inline void skip_blanks(struct scan *s)
{
    for (; s->i < s->n; s->i++) {
        uint8_t class = class_at(s);

        if (class != SPACE && class != BLANK)
            return;
        if (s->p[s->i] != '\n')
            continue;
        s->f->now.line++;
        s->line_at = s->i + 1;
        s->line_here = true;
        s->f->line_blank = true;
    }
}

/* frame_fault.c */

/* What is wrong at the byte at hand; it is looked at again: it may begin a value or end a line. */
enum frame_result frame_fault(struct scan *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
enum frame_result frame_unexpected(struct scan *s, const char *expected);
/* The object at hand, `length` bytes so far, is beyond max_value. */
enum frame_result frame_too_long(struct frame *f, size_t length);
enum frame_result frame_skip(struct scan *s); /* in SKIP_LINE and SKIP_BLANK */
/* The object at hand, `length` bytes so far, is given up: f->again, when it has a mark. */
void frame_give_up(struct frame *f, size_t length);
void frame_go_back(struct frame *f); /* to the mark, as f->again says */

/* frame_value.c */

enum frame_result frame_open(struct scan *s, bool array); /* the byte at hand: one level deeper */
enum frame_result frame_value(struct scan *s);            /* one token within an object */

#endif
