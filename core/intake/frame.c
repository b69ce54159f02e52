/* intake/frame.c - where each JSON object of a stream begins and ends: the top level, and the calls
 *
 * A pushdown automaton: one state, and one bit a level that says object or array. It reads a token
 * at a time and can stop and go on at any byte. Nothing here allocates or fails; what is wrong with
 * the input is a fault with its place and a sentence.
 *
 * "Passing" means that the value at hand has already been reported: it is followed to its end by
 * the same grammar, but yields neither an object nor another fault.
 */
#include "intake/frame.h"

#include <stdio.h>

#include "intake/frame_scan.h"

const uint8_t frame_class[256] = {
    [0x00 ... 0x08] = CONTROL,
    ['\t'] = BLANK,
    ['\n'] = BLANK,
    [0x0b ... 0x0c] = CONTROL,
    ['\r'] = BLANK,
    [0x0e ... 0x1f] = CONTROL,
    [' '] = SPACE,
    ['"'] = QUOTE,
    ['+'] = WORD,
    ['-'] = WORD,
    ['.'] = WORD,
    ['0' ... '9'] = WORD,
    ['A' ... 'Z'] = WORD,
    ['\\'] = BACKSLASH,
    ['_'] = WORD,
    ['a' ... 'z'] = WORD,
};

static const char AN_OBJECT[] = "an object: {\"name\":...,\"value\":...}";

static enum frame_result begin_object(struct scan *s)
{
    s->f->start = place(s);
    s->f->mark.line = 0;
    s->f->length = 0;
    s->from = s->i;
    return frame_open(s, false);
}

static enum frame_result top(struct scan *s)
{
    struct frame *f = s->f;
    char c = s->p[s->i];

    if (c == '{')
        return begin_object(s);
    if (c == '[') {
        f->array = IN_ARRAY;
        f->state = FIRST_ELEMENT;
    } else if (c == ']' && f->array != NO_ARRAY) {
        f->array = NO_ARRAY;
    } else if (c == '\xef' && f->now.line == 1 && place(s).byte == 1) {
        f->state = IN_MARK;
    } else if (c != ',' || f->array == NO_ARRAY) {
        return frame_unexpected(s, AN_OBJECT);
    }
    s->i++;
    return FRAME_MORE;
}

static enum frame_result element(struct scan *s)
{
    struct frame *f = s->f;
    char c = s->p[s->i];
    bool nested = c == '[' && !f->line_blank; /* else an array that was cut short precedes it */
    enum frame_result r;

    if (c == '{')
        return begin_object(s);
    if (c == ']' && f->state == FIRST_ELEMENT) {
        f->array = NO_ARRAY;
        f->state = TOP;
        s->i++;
        return FRAME_MORE;
    }
    r = frame_unexpected(s, AN_OBJECT);
    if (class_at(s) == QUOTE || class_at(s) == WORD || nested) { /* costs only itself */
        f->array = IN_ARRAY;
        f->state = VALUE;
        f->passing = true;
    }
    return r;
}

static enum frame_result after_element(struct scan *s)
{
    char c = s->p[s->i];

    if (c != ',' && c != ']')
        return frame_unexpected(s, ", or ] after an array's element");
    s->f->state = c == ',' ? ELEMENT : TOP;
    if (c == ']')
        s->f->array = NO_ARRAY;
    s->i++;
    return FRAME_MORE;
}

static enum frame_result in_mark(struct scan *s)
{
    uint64_t byte = place(s).byte;

    if (s->p[s->i] != (byte == 2 ? '\xbb' : '\xbf'))
        return frame_unexpected(s, AN_OBJECT);
    if (byte == 3)
        s->f->state = TOP;
    s->i++;
    return FRAME_MORE;
}

/* A token at the top level. */
static enum frame_result token(struct scan *s)
{
    switch (s->f->state) {
    case TOP:
        return top(s);
    case AFTER_ELEMENT:
        return after_element(s);
    default:
        return element(s);
    }
}

static enum frame_result step(struct scan *s)
{
    enum frame_result r;

    switch (s->f->state) {
    case TOP:
    case FIRST_ELEMENT:
    case ELEMENT:
    case AFTER_ELEMENT:
        skip_blanks(s);
        if (s->i == s->n)
            return FRAME_MORE;
        r = token(s);
        s->f->line_blank = false;
        return r;
    case SKIP_LINE:
    case SKIP_BLANK:
        return frame_skip(s);
    case IN_MARK:
        return in_mark(s);
    default:
        return frame_value(s);
    }
}

/* The call ends inside a value. One that is too long already is passed over from here on. */
static enum frame_result pause_here(struct scan *s)
{
    struct frame *f = s->f;

    f->length = length(s);
    if (f->length <= f->max_value)
        return FRAME_MORE;
    (void)frame_too_long(f, f->length);
    f->length = 0;
    f->passing = true;
    return FRAME_FAULT;
}

enum frame_result frame_scan(struct frame *f, const char *p, size_t n, size_t *used)
{
    struct scan s = {.f = f, .p = p, .n = n};
    enum frame_result r = FRAME_MORE;

    f->again = 0;
    if (f->depth == 0)
        f->length = 0;
    while (r == FRAME_MORE && s.i < n)
        r = step(&s);
    if (r == FRAME_MORE)
        r = pause_here(&s);
    else if (r == FRAME_FAULT)
        f->length = 0;
    f->now.byte = place(&s).byte;
    *used = s.i;
    if (f->again > 0)
        frame_go_back(f);
    return r;
}

void frame_init(struct frame *f, uint32_t max_depth, size_t max_value)
{
    *f = (struct frame){
        .max_depth = max_depth < FRAME_MAX_DEPTH ? max_depth : FRAME_MAX_DEPTH,
        .max_value = max_value,
        .now = {1, 1},
        .state = TOP,
        .line_blank = true,
    };
}

bool frame_inside(const struct frame *f)
{
    return f->depth > 0 || f->passing;
}

enum frame_result frame_end(struct frame *f, const char *why)
{
    bool fault = !f->passing && (f->depth > 0 || f->array == IN_ARRAY);

    if (!fault && !f->passing)
        return FRAME_MORE;
    f->fault = f->depth > 0 ? f->start : f->now;
    (void)snprintf(f->why, sizeof f->why, "%s",
                   f->depth > 0 ? why : "the array is not closed: expected ]");
    frame_give_up(f, f->length);
    if (f->again > 0) {
        frame_go_back(f);
        return FRAME_FAULT;
    }
    f->depth = 0;
    f->length = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = f->line_blank ? SKIP_BLANK : SKIP_LINE;
    return fault ? FRAME_FAULT : FRAME_MORE;
}
