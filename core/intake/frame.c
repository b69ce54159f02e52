/* intake/frame.c - where each JSON object of a stream begins and ends
 *
 * A pushdown automaton: one state, and one bit a level that says object or array. It reads a token
 * at a time with fast loops over strings, blanks and bare words, and can stop and go on at any
 * byte. Nothing here allocates or fails; what is wrong with the input is a fault with its place
 * and a sentence.
 *
 * "Passing" means that the value at hand has already been reported: it is followed to its end by
 * the same grammar, but yields neither an object nor another fault.
 */
#include "intake/frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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

enum class { OTHER, WORD, SPACE, BLANK, CONTROL, QUOTE, BACKSLASH }; /* in a string: up to SPACE */

static const uint8_t CLASS[256] = {
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
    return CLASS[(unsigned char)s->p[s->i]];
}

static inline bool is_blank(char c)
{
    uint8_t class = CLASS[(unsigned char)c];

    return class == SPACE || class == BLANK;
}

static struct frame_place place(const struct scan *s)
{
    const struct frame_place *now = &s->f->now;

    return (struct frame_place){now->line, s->line_here ? s->i - s->line_at + 1 : now->byte + s->i};
}

/* Nothing but blanks on the line before the byte at hand. */
static bool line_blank(const struct scan *s)
{
    if (!s->line_here && !s->f->line_blank)
        return false;
    for (size_t i = s->line_at; i < s->i; i++)
        if (!is_blank(s->p[i]))
            return false;
    return true;
}

/* Bytes of the object at hand, up to but without the byte at hand. */
static size_t length(const struct scan *s)
{
    return s->f->depth > 0 && !s->f->passing ? s->f->length + (s->i - s->from) : 0;
}

static void newline(struct scan *s)
{
    s->f->now.line++;
    s->line_at = s->i + 1;
    s->line_here = true;
}

static void skip_blanks(struct scan *s)
{
    for (; s->i < s->n && is_blank(s->p[s->i]); s->i++)
        if (s->p[s->i] == '\n')
            newline(s);
}

/* --- faults --- */

static void too_long(struct frame *f)
{
    f->fault = f->start;
    (void)snprintf(f->why, sizeof f->why, "longer than %zu bytes", f->max_value);
}

/* What is wrong at the byte at hand; it is looked at again: it may begin a value or end a line. */
__attribute__((format(printf, 2, 3))) static enum frame_result fault(struct scan *s,
                                                                     const char *fmt, ...)
{
    struct frame *f = s->f;
    enum frame_result r = f->passing ? FRAME_MORE : FRAME_FAULT;
    bool starts_value = (s->p[s->i] == '{' || s->p[s->i] == '[') && line_blank(s);
    va_list ap;

    if (length(s) > f->max_value) {
        too_long(f);
    } else {
        f->fault = place(s);
        va_start(ap, fmt);
        (void)vsnprintf(f->why, sizeof f->why, fmt, ap);
        va_end(ap);
    }
    f->depth = 0;
    f->passing = false;
    if (f->array != NO_ARRAY)
        f->array = MAYBE_ARRAY;
    f->state = starts_value ? TOP : SKIP_LINE;
    return r;
}

static enum frame_result unexpected(struct scan *s, const char *expected)
{
    unsigned char c = (unsigned char)s->p[s->i];

    if (CLASS[c] == CONTROL)
        return fault(s, "control byte 0x%02x: this is not text", c);
    if (c == '\'')
        return fault(s, "expected %s: JSON's strings need double quotes", expected);
    return fault(s, "expected %s", expected);
}

static enum frame_result skip(struct scan *s)
{
    struct frame *f = s->f;

    if (f->state == SKIP_LINE) {
        const char *end = memchr(s->p + s->i, '\n', s->n - s->i);

        s->i = end != NULL ? (size_t)(end - s->p) : s->n;
        if (end == NULL)
            return FRAME_MORE;
        f->state = SKIP_BLANK;
    }
    skip_blanks(s);
    if (s->i == s->n)
        return FRAME_MORE;
    if (s->p[s->i] == ',' && f->array != NO_ARRAY)
        s->i++;
    else
        f->state = s->p[s->i] == '{' || s->p[s->i] == '[' ? TOP : SKIP_LINE;
    return FRAME_MORE;
}

/* --- values --- */

static inline bool top_is_array(const struct frame *f)
{
    uint32_t at = f->depth - 1;

    return (f->stack[at / 64] >> (at % 64) & 1) != 0;
}

static enum frame_result push(struct scan *s, bool array)
{
    struct frame *f = s->f;
    uint64_t bit = UINT64_C(1) << (f->depth % 64);

    if (f->depth >= f->max_depth) {
        enum frame_result r = fault(s, "nested deeper than %" PRIu32 " levels", f->max_depth);

        f->state = SKIP_LINE; /* even if it stands first on its line: it begins nothing new */
        return r;
    }
    if (array)
        f->stack[f->depth / 64] |= bit;
    else
        f->stack[f->depth / 64] &= ~bit;
    f->depth++;
    f->state = array ? FIRST_VALUE : FIRST_KEY;
    s->i++;
    return FRAME_MORE;
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
    if (passing || !whole_object)
        return FRAME_MORE;
    f->length += s->i - s->from;
    if (f->length <= f->max_value)
        return FRAME_OBJECT;
    too_long(f);
    f->length = 0;
    return FRAME_FAULT;
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
            return fault(s, "newline in a string: close it before the line ends");
        return fault(s, "control byte 0x%02x in a string: leave it out", (unsigned char)s->p[s->i]);
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
        return push(s, s->p[s->i] == '[');
    if (s->p[s->i] == ']' && s->f->state == FIRST_VALUE)
        return pop(s);
    return unexpected(s, "a value");
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
    return unexpected(s, "a key in double quotes");
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
    return unexpected(s, array ? ", or ]" : ", or }");
}

static enum frame_result colon(struct scan *s)
{
    if (s->p[s->i] != ':')
        return unexpected(s, ": after the key");
    s->i++;
    s->f->state = VALUE;
    return FRAME_MORE;
}

/* --- the top level --- */

static const char AN_OBJECT[] = "an object: {\"name\":...,\"value\":...}";

static enum frame_result begin_object(struct scan *s)
{
    s->f->start = place(s);
    s->f->length = 0;
    s->from = s->i;
    return push(s, false);
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
        return unexpected(s, AN_OBJECT);
    }
    s->i++;
    return FRAME_MORE;
}

static enum frame_result element(struct scan *s)
{
    struct frame *f = s->f;
    char c = s->p[s->i];
    enum frame_result r;

    if (c == '{')
        return begin_object(s);
    if (c == ']' && f->state == FIRST_ELEMENT) {
        f->array = NO_ARRAY;
        f->state = TOP;
        s->i++;
        return FRAME_MORE;
    }
    r = unexpected(s, AN_OBJECT);
    if (class_at(s) == QUOTE || class_at(s) == WORD || c == '[') { /* costs only itself */
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
        return unexpected(s, ", or ] after an array's element");
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
        return unexpected(s, AN_OBJECT);
    if (byte == 3)
        s->f->state = TOP;
    s->i++;
    return FRAME_MORE;
}

static enum frame_result token(struct scan *s)
{
    switch (s->f->state) {
    case TOP:
        return top(s);
    case FIRST_ELEMENT:
    case ELEMENT:
        return element(s);
    case AFTER_ELEMENT:
        return after_element(s);
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

static enum frame_result step(struct scan *s)
{
    switch (s->f->state) {
    case IN_KEY:
    case IN_STRING:
        return in_string(s);
    case IN_KEY_ESCAPE:
    case IN_STRING_ESCAPE:
        return in_escape(s);
    case IN_WORD:
        return in_word(s);
    case SKIP_LINE:
    case SKIP_BLANK:
        return skip(s);
    case IN_MARK:
        return in_mark(s);
    default:
        skip_blanks(s);
        return s->i < s->n ? token(s) : FRAME_MORE;
    }
}

enum frame_result frame_scan(struct frame *f, const char *p, size_t n, size_t *used)
{
    struct scan s = {.f = f, .p = p, .n = n};
    enum frame_result r = FRAME_MORE;
    size_t kept;
    bool blank;

    if (f->depth == 0)
        f->length = 0;
    while (r == FRAME_MORE && s.i < n)
        r = step(&s);
    kept = r == FRAME_OBJECT ? f->length : length(&s);
    if (r == FRAME_MORE && kept > f->max_value) {
        too_long(f);
        f->passing = true;
        kept = 0;
        r = FRAME_FAULT;
    }
    blank = line_blank(&s);
    f->now.byte = place(&s).byte;
    f->line_blank = blank;
    f->length = kept;
    *used = s.i;
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
    f->depth = 0;
    f->length = 0;
    f->passing = false;
    f->array = f->array != NO_ARRAY ? MAYBE_ARRAY : NO_ARRAY;
    f->state = SKIP_LINE;
    return fault ? FRAME_FAULT : FRAME_MORE;
}
