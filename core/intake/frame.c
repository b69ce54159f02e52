/* intake/frame.c - where each JSON object of a stream begins and ends: what stands between values, and faults
 *
 * A fault is told once: what is left over of an object that was given up for a line within it lies on
 * lines that were read before, so outside of objects those lines are skipped in silence. Nothing here
 * allocates or fails.
 */
#include "intake/frame.h"

#include <stdio.h>

#include "base/why.h"

enum state {
    TOP,           /* between values                                 */
    FIRST_ELEMENT, /* after the transparent [                        */
    ELEMENT,       /* after a comma in it                            */
    AFTER_ELEMENT, /* a comma or ]                                   */
    INSIDE,        /* a value: the grammar's                         */
    SKIP_LINE,     /* after a fault: to the end of the line          */
    SKIP_BLANK,    /* ... then to the first non-blank byte of the next */
    BYTE_ORDER_MARK,
};

enum {
    NO_ARRAY,
    IN_ARRAY,
    MAYBE_ARRAY /* a fault has lost count: its commas and ] are harmless */
};

static const char AN_OBJECT[] = "an object: {\"name\":...,\"value\":...}";

static struct frame *frame_of(const struct scan *s)
{
    return (struct frame *)((char *)s->g - offsetof(struct frame, grammar));
}

/* Bytes of the object at hand, up to but without the byte at hand. */
static size_t object_length(const struct scan *s)
{
    const struct frame *f = frame_of(s);

    return f->state == INSIDE && !f->passing ? grammar_length(s) : 0;
}

/* --- faults --- */

/* The object at hand, `length` bytes so far, is given up: f->again, when it has a mark. Beyond
 * max_value no mark counts, or how the bytes are cut into calls would matter. */
static void give_up(struct frame *f, size_t length)
{
    const struct grammar *g = &f->grammar;

    f->again =
        !f->passing && g->mark.line > 0 && g->mark_at <= f->max_value ? length - g->mark_at : 0;
}

/* To the mark, as f->again says. */
static void return_to_mark(struct frame *f)
{
    f->grammar.now = f->grammar.mark;
    f->grammar.line_blank = true;
    f->length = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = TOP;
}

static enum frame_result beyond_max_value(struct frame *f, size_t length)
{
    f->fault = f->start;
    why_set(&f->why, "longer than %zu bytes", f->max_value);
    give_up(f, length);
    return FRAME_FAULT;
}

static bool is_known(const struct frame *f)
{
    return f->passing || (f->state != INSIDE && f->grammar.now.line <= f->known_line);
}

/* What is known is not put into words once more: hostile input would be, line for line. */
static void want_why(struct scan *s)
{
    s->why = is_known(frame_of(s)) ? NULL : &frame_of(s)->why;
}

/* The grammar says why. The byte at hand is looked at again: it may begin a value or end a line. */
static enum frame_result fault_here(struct scan *s)
{
    struct frame *f = frame_of(s);
    enum frame_result r = is_known(f) ? FRAME_MORE : FRAME_FAULT;
    bool starts_value = opens_at(s) && s->g->line_blank;
    size_t n = object_length(s);

    if (n > f->max_value) {
        (void)beyond_max_value(f, n);
    } else if (r == FRAME_FAULT) {
        f->fault = place_at(s);
        if (n > 0)
            give_up(f, n);
        if (f->again > 0)
            f->known_line = f->fault.line - starts_value;
    }
    f->passing = false;
    if (f->array != NO_ARRAY)
        f->array = MAYBE_ARRAY;
    f->state = starts_value ? TOP : SKIP_LINE;
    s->g->line_blank = false;
    return r;
}

static enum frame_result unexpected(struct scan *s, const char *expected)
{
    want_why(s);
    (void)grammar_unexpected(s, expected);
    return fault_here(s);
}

/* --- a value --- */

static enum frame_result object_ended(struct scan *s)
{
    struct frame *f = frame_of(s);

    f->length = grammar_length(s);
    return f->length <= f->max_value ? FRAME_OBJECT : beyond_max_value(f, f->length);
}

static enum frame_result inside(struct scan *s)
{
    struct frame *f = frame_of(s);
    bool passing = f->passing;
    enum frame_result r;

    want_why(s);
    switch (grammar_scan(s)) {
    case GRAMMAR_END:
        r = passing ? FRAME_MORE : object_ended(s);
        f->state = f->array == IN_ARRAY ? AFTER_ELEMENT : TOP;
        f->passing = false;
        return r;
    case GRAMMAR_BROKEN:
        return fault_here(s);
    case GRAMMAR_DEEP:
        r = fault_here(s);
        f->state = SKIP_LINE; /* even if it stands first on its line: it begins nothing new */
        return r;
    default:
        return FRAME_MORE;
    }
}

static enum frame_result begin_value(struct scan *s)
{
    struct frame *f = frame_of(s);

    f->start = place_at(s);
    f->length = 0;
    f->state = INSIDE;
    grammar_begin(s);
    return FRAME_MORE;
}

/* --- between values --- */

static enum frame_result top(struct scan *s)
{
    struct frame *f = frame_of(s);
    char c = s->p[s->i];

    if (c == '{')
        return begin_value(s);
    if (c == '[') {
        f->array = IN_ARRAY;
        f->state = FIRST_ELEMENT;
    } else if (c == ']' && f->array != NO_ARRAY) {
        f->array = NO_ARRAY;
    } else if (c == '\xef' && s->g->now.line == 1 && place_at(s).byte == 1) {
        f->state = BYTE_ORDER_MARK;
    } else if (c != ',' || f->array == NO_ARRAY) {
        return unexpected(s, AN_OBJECT);
    }
    s->i++;
    return FRAME_MORE;
}

static enum frame_result element(struct scan *s)
{
    struct frame *f = frame_of(s);
    char c = s->p[s->i];
    bool nested = c == '[' && !s->g->line_blank; /* else an array that was cut short precedes it */
    enum frame_result r;

    if (c == '{')
        return begin_value(s);
    if (c == ']' && f->state == FIRST_ELEMENT) {
        f->array = NO_ARRAY;
        f->state = TOP;
        s->i++;
        return FRAME_MORE;
    }
    r = unexpected(s, AN_OBJECT);
    if (class_at(s) == CLASS_QUOTE || class_at(s) == CLASS_WORD || nested) { /* costs only itself */
        (void)begin_value(s);
        f->array = IN_ARRAY;
        f->passing = true;
    }
    return r;
}

static enum frame_result after_element(struct scan *s)
{
    struct frame *f = frame_of(s);
    char c = s->p[s->i];

    if (c != ',' && c != ']')
        return unexpected(s, ", or ] after an array's element");
    f->state = c == ',' ? ELEMENT : TOP;
    if (c == ']')
        f->array = NO_ARRAY;
    s->i++;
    return FRAME_MORE;
}

static enum frame_result byte_order_mark(struct scan *s)
{
    uint64_t byte = place_at(s).byte;

    if (s->p[s->i] != (byte == 2 ? '\xbb' : '\xbf'))
        return unexpected(s, AN_OBJECT);
    if (byte == 3)
        frame_of(s)->state = TOP;
    s->i++;
    return FRAME_MORE;
}

static enum frame_result skip(struct scan *s)
{
    struct frame *f = frame_of(s);

    if (f->state == SKIP_LINE) {
        const char *end = memchr(s->p + s->i, '\n', s->n - s->i);

        s->g->line_blank = false;
        s->i = end != NULL ? (size_t)(end - s->p) : s->n;
        if (end == NULL)
            return FRAME_MORE;
        f->state = SKIP_BLANK;
    }
    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    if (s->p[s->i] == ',' && f->array != NO_ARRAY) {
        s->g->line_blank = false;
        s->i++;
    } else {
        f->state = opens_at(s) ? TOP : SKIP_LINE;
    }
    return FRAME_MORE;
}

static enum frame_result between_values(struct scan *s)
{
    struct frame *f = frame_of(s);
    enum frame_result r;

    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    r = f->state == TOP ? top(s) : f->state == AFTER_ELEMENT ? after_element(s) : element(s);
    s->g->line_blank = false;
    return r;
}

/* --- calls --- */

static enum frame_result advance_frame(struct scan *s)
{
    switch (frame_of(s)->state) {
    case INSIDE:
        return inside(s);
    case SKIP_LINE:
    case SKIP_BLANK:
        return skip(s);
    case BYTE_ORDER_MARK:
        return byte_order_mark(s);
    default:
        return between_values(s);
    }
}

/* The call ends inside a value. One that is too long already is passed over from here on. */
static enum frame_result pause_here(struct scan *s)
{
    struct frame *f = frame_of(s);

    f->length = s->g->length = object_length(s);
    if (f->length <= f->max_value)
        return FRAME_MORE;
    (void)beyond_max_value(f, f->length);
    f->passing = true;
    return FRAME_FAULT;
}

enum frame_result frame_scan(struct frame *f, const char *p, size_t n, size_t *used)
{
    struct scan s = {.g = &f->grammar, .p = p, .n = n};
    enum frame_result r = FRAME_MORE;

    f->again = 0;
    while (r == FRAME_MORE && s.i < n)
        r = advance_frame(&s);
    if (r == FRAME_MORE)
        r = pause_here(&s);
    if (r == FRAME_FAULT)
        f->length = 0;
    f->grammar.now.byte = place_at(&s).byte;
    *used = s.i;
    if (f->again > 0)
        return_to_mark(f);
    return r;
}

void frame_init(struct frame *f, uint32_t max_depth, size_t max_value)
{
    *f = (struct frame){
        .max_value = max_value,
        .state = TOP,
        .grammar = {.max_depth = max_depth < GRAMMAR_MAX_DEPTH ? max_depth : GRAMMAR_MAX_DEPTH,
                    .now = {1, 1},
                    .line_blank = true},
    };
}

bool frame_inside(const struct frame *f)
{
    return f->state == INSIDE;
}

enum frame_result frame_end(struct frame *f, const char *why)
{
    bool object = f->state == INSIDE && !f->passing;
    bool fault = object || (f->array == IN_ARRAY && !f->passing);

    if (!fault && !f->passing)
        return FRAME_MORE;
    f->fault = object ? f->start : f->grammar.now;
    why_set(&f->why, "%s", object ? why : "the array is not closed: expected ]");
    f->again = 0;
    if (object)
        give_up(f, f->length);
    if (f->again > 0) {
        return_to_mark(f);
        return FRAME_FAULT;
    }
    f->length = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = f->grammar.line_blank ? SKIP_BLANK : SKIP_LINE;
    return fault ? FRAME_FAULT : FRAME_MORE;
}

enum frame_result frame_lose(struct frame *f, const char *why)
{
    f->grammar.mark.line = 0;
    return frame_end(f, why);
}

struct place frame_place(const struct frame *f, struct str object, size_t offset)
{
    struct place at = f->start;

    for (size_t i = 0; i < offset && i < object.n; i++)
        if (object.s[i] == '\n')
            at = (struct place){at.line + 1, 1};
        else
            at.byte++;
    return at;
}
