/* intake/frame.c - where each JSON object of a stream begins and ends: a pushdown automaton, resumable at any byte
 *
 * One state, and one bit a level that says object or array; strings and words are fast loops. A token
 * that the end of a call cuts in two goes on in its state. What stands between values and what stands
 * in one is the same automaton, for a fault in a value leads out of it: hence the length of this file.
 *
 * A fault is told once: what is left over of an object that was given up for a line within it lies on
 * lines that were read before, so outside of objects those lines are skipped in silence.
 */
#include "intake/frame.h"

#include <inttypes.h>
#include <stdarg.h>

enum state {
    TOP,             /* between values                                       */
    FIRST_ELEMENT,   /* after the transparent [                              */
    ELEMENT,         /* after a comma in it                                  */
    AFTER_ELEMENT,   /* a comma or ]                                         */
    BYTE_ORDER_MARK, /* in it                                                */
    SKIP_LINE,       /* after a fault: to the end of the line                */
    SKIP_BLANK,      /* ... then to the first non-blank byte of the next     */
    /* inside a value */
    VALUE,       /* after a colon, or after a comma in an array              */
    FIRST_VALUE, /* after [                                                  */
    AFTER_VALUE, /* a comma, } or ]                                          */
    FIRST_KEY,   /* after {                                                  */
    KEY,         /* after a comma in an object                               */
    COLON,       /* after a key                                              */
    IN_KEY,      /* in a key's string                                        */
    IN_KEY_ESCAPE,
    IN_STRING,
    IN_STRING_ESCAPE, /* after a backslash                                   */
    IN_WORD,          /* a number, a literal, or what the parser will reject */
};

/* Whether that is in a transparent array. */
enum {
    NO_ARRAY,
    IN_ARRAY,
    MAYBE_ARRAY /* a fault has lost count: its commas and ] are harmless */
};

/* Of a byte; in a string all up to CLASS_SPACE are just text. */
enum class {
    CLASS_OTHER,
    CLASS_WORD,
    CLASS_SPACE,
    CLASS_BLANK,
    CLASS_CONTROL,
    CLASS_QUOTE,
    CLASS_BACKSLASH
};

static const uint8_t CLASS_OF[256] = {
    [0x00 ... 0x08] = CLASS_CONTROL,
    ['\t'] = CLASS_BLANK,
    ['\n'] = CLASS_BLANK,
    [0x0b ... 0x0c] = CLASS_CONTROL,
    ['\r'] = CLASS_BLANK,
    [0x0e ... 0x1f] = CLASS_CONTROL,
    [' '] = CLASS_SPACE,
    ['"'] = CLASS_QUOTE,
    ['+'] = CLASS_WORD,
    ['-'] = CLASS_WORD,
    ['.'] = CLASS_WORD,
    ['0' ... '9'] = CLASS_WORD,
    ['A' ... 'Z'] = CLASS_WORD,
    ['\\'] = CLASS_BACKSLASH,
    ['_'] = CLASS_WORD,
    ['a' ... 'z'] = CLASS_WORD,
};

struct scan { /* the bytes of one call */
    struct frame *f;
    const char *p;
    size_t n, i;
    size_t from;    /* where the value begins in p; 0 when it began in an earlier call */
    size_t line_at; /* likewise the line */
    bool line_here; /* the line began in this call */
};

/* --- the byte at hand --- */

static inline enum class class_at(const struct scan *s) {
    return (enum class)CLASS_OF[(unsigned char)s->p[s->i]];
}

static inline bool opens_at(const struct scan *s)
{
    return s->p[s->i] == '{' || s->p[s->i] == '[';
}

static inline struct place place_at(const struct scan *s)
{
    const struct place *now = &s->f->now;

    return (struct place){now->line, s->line_here ? s->i - s->line_at + 1 : now->byte + s->i};
}

static inline void skip_blanks(struct scan *s)
{
    for (; s->i < s->n; s->i++) {
        enum class class = class_at(s);

        if (class != CLASS_SPACE && class != CLASS_BLANK)
            return;
        if (s->p[s->i] != '\n')
            continue;
        s->f->now.line++;
        s->line_at = s->i + 1;
        s->line_here = true;
        s->f->line_blank = true;
    }
}

/* Bytes of the object at hand, up to but without this one. */
static size_t object_length(const struct scan *s)
{
    return frame_inside(s->f) && !s->f->passing ? s->f->length + (s->i - s->from) : 0;
}

/* --- faults --- */

/* The object at hand, `length` bytes so far, is given up: f->again, when it has a mark. Beyond
 * max_value no mark counts, or how the bytes are cut into calls would matter. */
static void give_up(struct frame *f, size_t length)
{
    f->again =
        !f->passing && f->mark.line > 0 && f->mark_at <= f->max_value ? length - f->mark_at : 0;
}

static void leave_value(struct frame *f, enum state state)
{
    f->length = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = (uint8_t)state;
}

/* To the mark, as f->again says. */
static void return_to_mark(struct frame *f)
{
    f->now = f->mark;
    f->line_blank = true;
    leave_value(f, TOP);
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
    return f->passing || (!frame_inside(f) && f->now.line <= f->known_line);
}

/* The byte at hand cannot stand there, and is looked at again: it may begin a value or end a line. What
 * is known is not put into words once more: hostile input would be, line for line. */
__attribute__((format(printf, 2, 3))) static enum frame_result is_broken(struct scan *s,
                                                                         const char *fmt, ...)
{
    struct frame *f = s->f;
    bool known = is_known(f), starts_value = opens_at(s) && f->line_blank;
    size_t n = object_length(s);
    va_list ap;

    if (n > f->max_value) {
        (void)beyond_max_value(f, n);
    } else if (!known) {
        va_start(ap, fmt);
        why_setv(&f->why, fmt, ap);
        va_end(ap);
        f->fault = place_at(s);
        if (n > 0)
            give_up(f, n);
        if (f->again > 0)
            f->known_line = f->fault.line - starts_value;
    }
    leave_value(f, starts_value ? TOP : SKIP_LINE);
    f->line_blank = false;
    return known ? FRAME_MORE : FRAME_FAULT;
}

static enum frame_result unexpected(struct scan *s, const char *expected)
{
    unsigned char c = (unsigned char)s->p[s->i];

    if (class_at(s) == CLASS_CONTROL)
        return is_broken(s, "control byte 0x%02x: this is not text", c);
    if (c == '\'')
        return is_broken(s, "expected %s: JSON's strings need double quotes", expected);
    return is_broken(s, "expected %s", expected);
}

/* --- levels --- */

/* The byte at hand is done with. */
static enum frame_result go_on(struct scan *s, enum state state)
{
    s->f->state = (uint8_t)state;
    s->i++;
    return FRAME_MORE;
}

/* With the byte at hand. */
static enum frame_result begin_value(struct scan *s)
{
    struct frame *f = s->f;

    f->start = place_at(s);
    f->length = 0;
    f->depth = 0;
    f->mark.line = 0;
    f->state = VALUE;
    s->from = s->i;
    return FRAME_MORE;
}

/* Just before the byte at hand, its level popped. */
static enum frame_result value_ended(struct scan *s)
{
    struct frame *f = s->f;
    bool passing = f->passing;

    if (f->depth > 0) {
        f->state = AFTER_VALUE;
        return FRAME_MORE;
    }
    f->length = object_length(s);
    f->passing = false;
    f->state = f->array == IN_ARRAY ? AFTER_ELEMENT : TOP;
    if (passing)
        return FRAME_MORE;
    return f->length <= f->max_value ? FRAME_OBJECT : beyond_max_value(f, f->length);
}

static inline bool in_array(const struct frame *f)
{
    uint32_t at = f->depth - 1;

    return (f->stack[at / 64] >> (at % 64) & 1) != 0;
}

static enum frame_result open_level(struct scan *s)
{
    struct frame *f = s->f;
    bool array = s->p[s->i] == '[';
    uint64_t bit = UINT64_C(1) << (f->depth % 64), *bits = &f->stack[f->depth / 64];

    if (f->depth >= f->max_depth) {
        enum frame_result r = is_broken(s, "nested deeper than %" PRIu32 " levels", f->max_depth);

        f->state = SKIP_LINE; /* even if it stands first on its line: it begins nothing new */
        return r;
    }
    if (f->depth > 0 && f->line_blank && f->mark.line == 0) {
        f->mark = place_at(s);
        f->mark_at = f->length + (s->i - s->from);
    }
    *bits = array ? *bits | bit : *bits & ~bit;
    f->depth++;
    return go_on(s, array ? FIRST_VALUE : FIRST_KEY);
}

static enum frame_result close_level(struct scan *s)
{
    s->f->depth--;
    s->i++;
    return value_ended(s);
}

/* --- tokens of a value --- */

static enum frame_result string_token(struct scan *s)
{
    bool key = s->f->state == IN_KEY;

    while (s->i < s->n && class_at(s) <= CLASS_SPACE)
        s->i++;
    if (s->i == s->n)
        return FRAME_MORE;
    switch (class_at(s)) {
    case CLASS_QUOTE:
        if (key)
            return go_on(s, COLON);
        s->i++;
        return value_ended(s);
    case CLASS_BACKSLASH:
        return go_on(s, key ? IN_KEY_ESCAPE : IN_STRING_ESCAPE);
    default:
        if (s->p[s->i] == '\n')
            return is_broken(s, "newline in a string: close it before the line ends");
        return is_broken(s, "control byte 0x%02x in a string: leave it out",
                         (unsigned char)s->p[s->i]);
    }
}

static enum frame_result escape_token(struct scan *s)
{
    s->f->state = s->f->state == IN_KEY_ESCAPE ? IN_KEY : IN_STRING;
    if (s->p[s->i] == '"' || s->p[s->i] == '\\')
        s->i++; /* all others are checked as the string's own bytes, and by the parser */
    return FRAME_MORE;
}

static enum frame_result word_token(struct scan *s)
{
    while (s->i < s->n && class_at(s) == CLASS_WORD)
        s->i++;
    return s->i < s->n ? value_ended(s) : FRAME_MORE;
}

static enum frame_result value_token(struct scan *s, bool first)
{
    if (class_at(s) == CLASS_QUOTE)
        return go_on(s, IN_STRING);
    if (class_at(s) == CLASS_WORD)
        return go_on(s, IN_WORD);
    if (opens_at(s))
        return open_level(s);
    return s->p[s->i] == ']' && first ? close_level(s) : unexpected(s, "a value");
}

static enum frame_result key_token(struct scan *s, bool first)
{
    if (class_at(s) == CLASS_QUOTE)
        return go_on(s, IN_KEY);
    if (s->p[s->i] == '}' && first)
        return close_level(s);
    if (!first && s->p[s->i] >= '0' && s->p[s->i] <= '9') /* "value":1,5 */
        return is_broken(s, "expected a key, found a digit: a number's decimal point is a dot");
    return unexpected(s, "a key in double quotes");
}

static enum frame_result comma_token(struct scan *s)
{
    bool array = in_array(s->f);

    if (s->p[s->i] == ',')
        return go_on(s, array ? VALUE : KEY);
    if (s->p[s->i] == (array ? ']' : '}'))
        return close_level(s);
    return unexpected(s, array ? ", or ]" : ", or }");
}

/* One that blanks may precede. */
static enum frame_result spaced_token(struct scan *s)
{
    enum frame_result r;

    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    switch (s->f->state) {
    case FIRST_KEY:
    case KEY:
        r = key_token(s, s->f->state == FIRST_KEY);
        break;
    case COLON:
        r = s->p[s->i] == ':' ? go_on(s, VALUE) : unexpected(s, ": after the key");
        break;
    case AFTER_VALUE:
        r = comma_token(s);
        break;
    default:
        r = value_token(s, s->f->state == FIRST_VALUE);
        break;
    }
    s->f->line_blank = false;
    return r;
}

/* Compared one by one: as a switch it is a jump that no processor foresees. */
static enum frame_result next_token(struct scan *s)
{
    enum state state = s->f->state;

    if (state < IN_KEY)
        return spaced_token(s);
    if (state == IN_KEY || state == IN_STRING)
        return string_token(s);
    return state == IN_WORD ? word_token(s) : escape_token(s);
}

static enum frame_result scan_value(struct scan *s)
{
    enum frame_result r = FRAME_MORE;

    while (r == FRAME_MORE && s->i < s->n && frame_inside(s->f))
        r = next_token(s);
    return r;
}

/* --- between values --- */

static const char AN_OBJECT[] = "an object: {\"name\":...,\"value\":...}";

static enum frame_result end_array(struct scan *s)
{
    s->f->array = NO_ARRAY;
    return go_on(s, TOP);
}

static enum frame_result top(struct scan *s)
{
    struct frame *f = s->f;
    char c = s->p[s->i];
    bool array = f->array != NO_ARRAY;

    if (c == '{')
        return begin_value(s);
    if (c == '[') {
        f->array = IN_ARRAY;
        return go_on(s, FIRST_ELEMENT);
    }
    if (c == ']' && array)
        return end_array(s);
    if (c == ',' && array)
        return go_on(s, TOP);
    if (c == '\xef' && f->now.line == 1 && place_at(s).byte == 1)
        return go_on(s, BYTE_ORDER_MARK);
    return unexpected(s, AN_OBJECT);
}

static enum frame_result element(struct scan *s)
{
    char c = s->p[s->i];
    bool nested = c == '[' && !s->f->line_blank; /* else an array that was cut short precedes it */
    enum frame_result r;

    if (c == '{')
        return begin_value(s);
    if (c == ']' && s->f->state == FIRST_ELEMENT)
        return end_array(s);
    r = unexpected(s, AN_OBJECT);
    if (class_at(s) == CLASS_QUOTE || class_at(s) == CLASS_WORD || nested) { /* costs only itself */
        (void)begin_value(s);
        s->f->array = IN_ARRAY;
        s->f->passing = true;
    }
    return r;
}

static enum frame_result after_element(struct scan *s)
{
    if (s->p[s->i] == ',')
        return go_on(s, ELEMENT);
    return s->p[s->i] == ']' ? end_array(s) : unexpected(s, ", or ] after an array's element");
}

static enum frame_result byte_order_mark(struct scan *s)
{
    bool second = place_at(s).byte == 2;

    if (s->p[s->i] != (second ? '\xbb' : '\xbf'))
        return unexpected(s, AN_OBJECT);
    return go_on(s, second ? BYTE_ORDER_MARK : TOP);
}

static enum frame_result skip_line(struct scan *s)
{
    const char *end = memchr(s->p + s->i, '\n', s->n - s->i);

    s->f->line_blank = false;
    s->i = end != NULL ? (size_t)(end - s->p) : s->n;
    if (end != NULL)
        s->f->state = SKIP_BLANK;
    return FRAME_MORE;
}

static enum frame_result skip_to_value(struct scan *s)
{
    struct frame *f = s->f;

    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    if (s->p[s->i] == ',' && f->array != NO_ARRAY) {
        f->line_blank = false;
        return go_on(s, SKIP_BLANK);
    }
    f->state = opens_at(s) ? TOP : SKIP_LINE;
    return FRAME_MORE;
}

static enum frame_result scan_between(struct scan *s)
{
    enum state state = s->f->state;
    enum frame_result r;

    if (state == SKIP_LINE)
        return skip_line(s);
    if (state == SKIP_BLANK)
        return skip_to_value(s);
    if (state == BYTE_ORDER_MARK)
        return byte_order_mark(s);
    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    r = state == TOP ? top(s) : state == AFTER_ELEMENT ? after_element(s) : element(s);
    s->f->line_blank = false;
    return r;
}

/* --- calls --- */

/* The call ends inside a value. One that is too long already is passed over from here on. */
static enum frame_result pause_here(struct scan *s)
{
    struct frame *f = s->f;

    f->length = object_length(s);
    if (f->length <= f->max_value)
        return FRAME_MORE;
    (void)beyond_max_value(f, f->length);
    f->passing = true;
    return FRAME_FAULT;
}

enum frame_result frame_scan(struct frame *f, const char *p, size_t n, size_t *used)
{
    struct scan s = {.f = f, .p = p, .n = n};
    enum frame_result r = FRAME_MORE;

    f->again = 0;
    while (r == FRAME_MORE && s.i < n)
        r = frame_inside(f) ? scan_value(&s) : scan_between(&s);
    if (r == FRAME_MORE)
        r = pause_here(&s);
    if (r == FRAME_FAULT)
        f->length = 0;
    f->now.byte = place_at(&s).byte;
    *used = s.i;
    if (f->again > 0)
        return_to_mark(f);
    return r;
}

void frame_init(struct frame *f, uint32_t max_depth, size_t max_value)
{
    *f = (struct frame){.max_value = max_value,
                        .max_depth = max_depth < FRAME_MAX_DEPTH ? max_depth : FRAME_MAX_DEPTH,
                        .state = TOP,
                        .now = {1, 1},
                        .line_blank = true};
}

bool frame_inside(const struct frame *f)
{
    return f->state >= VALUE;
}

bool frame_between(const struct frame *f)
{
    return f->state == TOP && f->array == NO_ARRAY;
}

size_t frame_blanks(struct frame *f, const char *p, size_t n)
{
    struct scan s = {.f = f, .p = p, .n = n};

    skip_blanks(&s);
    f->now.byte = place_at(&s).byte;
    return s.i;
}

void frame_pass(struct frame *f, size_t n)
{
    f->start = f->now;
    f->length = n;
    f->now.byte += n;
    f->line_blank = false;
}

enum frame_result frame_end(struct frame *f, const char *why)
{
    bool object = frame_inside(f) && !f->passing;
    bool fault = object || (f->array == IN_ARRAY && !f->passing);

    if (!fault && !f->passing)
        return FRAME_MORE;
    f->fault = object ? f->start : f->now;
    why_set(&f->why, "%s", object ? why : "the array is not closed: expected ]");
    f->again = 0;
    if (object)
        give_up(f, f->length);
    if (f->again > 0) {
        return_to_mark(f);
        return FRAME_FAULT;
    }
    leave_value(f, f->line_blank ? SKIP_BLANK : SKIP_LINE);
    return fault ? FRAME_FAULT : FRAME_MORE;
}

enum frame_result frame_lose(struct frame *f, const char *why)
{
    f->mark.line = 0;
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
