/* intake/frame_value.c - what is inside an object: the grammar of JSON's values
 *
 * A token at a time, with fast loops over strings and words; stops at any byte and goes on there. A
 * value that is passed over (frame.h) takes the same road, but yields nothing. Nothing here
 * allocates or fails.
 */
#include <inttypes.h>

#include "intake/frame_scan.h"

static inline bool top_is_array(const struct frame *f)
{
    uint32_t at = f->depth - 1;

    return (f->stack[at / 64] >> (at % 64) & 1) != 0;
}

/* Only where the object may still be taken, or how the bytes are cut into calls would matter. */
static void set_mark(const struct scan *s)
{
    struct frame *f = s->f;

    if (f->depth == 0 || f->passing || !f->line_blank || f->mark.line > 0 ||
        length(s) > f->max_value)
        return;
    f->mark = place(s);
    f->mark_at = length(s);
}

enum frame_result frame_open(struct scan *s, bool array)
{
    struct frame *f = s->f;
    uint64_t bit = UINT64_C(1) << (f->depth % 64);

    if (f->depth >= f->max_depth) {
        enum frame_result r = frame_fault(s, "nested deeper than %" PRIu32 " levels", f->max_depth);

        f->state = SKIP_LINE; /* even if it stands first on its line: it begins nothing new */
        return r;
    }
    set_mark(s);
    if (array)
        f->stack[f->depth / 64] |= bit;
    else
        f->stack[f->depth / 64] &= ~bit;
    f->depth++;
    f->state = array ? FIRST_VALUE : FIRST_KEY;
    s->i++;
    return FRAME_MORE;
}

/* The object has ended just before the byte at hand. */
static enum frame_result end_object(struct scan *s)
{
    struct frame *f = s->f;

    f->length += s->i - s->from;
    if (f->length <= f->max_value) {
        f->mark.line = 0;
        return FRAME_OBJECT;
    }
    return frame_too_long(f, f->length);
}

/* A value has ended just before the byte at hand, its level popped. */
static enum frame_result end_value(struct scan *s, bool whole_object)
{
    struct frame *f = s->f;
    bool passing = f->passing;

    if (f->depth > 0) {
        f->state = AFTER_VALUE;
        return FRAME_MORE;
    }
    f->state = f->array == IN_ARRAY ? AFTER_ELEMENT : TOP;
    f->passing = false;
    return passing || !whole_object ? FRAME_MORE : end_object(s);
}

static enum frame_result pop(struct scan *s)
{
    s->f->depth--;
    s->i++;
    return end_value(s, true);
}

static enum frame_result in_string(struct scan *s)
{
    struct frame *f = s->f;
    bool key = f->state == IN_KEY;

    while (s->i < s->n && class_at(s) <= SPACE)
        s->i++;
    if (s->i == s->n)
        return FRAME_MORE;
    switch (class_at(s)) {
    case QUOTE:
        s->i++;
        if (!key)
            return end_value(s, false);
        f->state = COLON;
        return FRAME_MORE;
    case BACKSLASH:
        s->i++;
        f->state = key ? IN_KEY_ESCAPE : IN_STRING_ESCAPE;
        return FRAME_MORE;
    default:
        if (s->p[s->i] == '\n')
            return frame_fault(s, "newline in a string: close it before the line ends");
        return frame_fault(s, "control byte 0x%02x in a string: leave it out",
                           (unsigned char)s->p[s->i]);
    }
}

static enum frame_result in_escape(struct scan *s)
{
    s->f->state = s->f->state == IN_KEY_ESCAPE ? IN_KEY : IN_STRING;
    if (s->p[s->i] == '"' || s->p[s->i] == '\\')
        s->i++; /* all others are checked as the string's own bytes, and by the parser */
    return FRAME_MORE;
}

static enum frame_result in_word(struct scan *s)
{
    while (s->i < s->n && class_at(s) == WORD)
        s->i++;
    return s->i < s->n ? end_value(s, false) : FRAME_MORE;
}

static enum frame_result value(struct scan *s)
{
    switch (class_at(s)) {
    case QUOTE:
        s->i++;
        s->f->state = IN_STRING;
        return FRAME_MORE;
    case WORD:
        s->f->state = IN_WORD;
        return FRAME_MORE;
    default:
        break;
    }
    if (s->p[s->i] == '{' || s->p[s->i] == '[')
        return frame_open(s, s->p[s->i] == '[');
    if (s->p[s->i] == ']' && s->f->state == FIRST_VALUE)
        return pop(s);
    return frame_unexpected(s, "a value");
}

static enum frame_result key(struct scan *s)
{
    if (class_at(s) == QUOTE) {
        s->i++;
        s->f->state = IN_KEY;
        return FRAME_MORE;
    }
    if (s->p[s->i] == '}' && s->f->state == FIRST_KEY)
        return pop(s);
    if (s->f->state == KEY && s->p[s->i] >= '0' && s->p[s->i] <= '9') /* "value":1,5 */
        return frame_fault(s, "expected a key, found a digit: a number's decimal point is a dot");
    return frame_unexpected(s, "a key in double quotes");
}

static enum frame_result after_value(struct scan *s)
{
    bool array = top_is_array(s->f);
    char c = s->p[s->i];

    if (c == ',') {
        s->i++;
        s->f->state = array ? VALUE : KEY;
        return FRAME_MORE;
    }
    if (c == (array ? ']' : '}'))
        return pop(s);
    return frame_unexpected(s, array ? ", or ]" : ", or }");
}

static enum frame_result colon(struct scan *s)
{
    if (s->p[s->i] != ':')
        return frame_unexpected(s, ": after the key");
    s->i++;
    s->f->state = VALUE;
    return FRAME_MORE;
}

static enum frame_result token(struct scan *s)
{
    switch (s->f->state) {
    case FIRST_KEY:
    case KEY:
        return key(s);
    case COLON:
        return colon(s);
    case AFTER_VALUE:
        return after_value(s);
    default:
        return value(s);
    }
}

enum frame_result frame_value(struct scan *s)
{
    enum frame_result r;

    switch (s->f->state) {
    case IN_KEY:
    case IN_STRING:
        return in_string(s);
    case IN_KEY_ESCAPE:
    case IN_STRING_ESCAPE:
        return in_escape(s);
    case IN_WORD:
        return in_word(s);
    default:
        break;
    }
    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    r = token(s);
    s->f->line_blank = false;
    return r;
}
