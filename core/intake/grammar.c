/* intake/grammar.c - the structure of one JSON value: a pushdown automaton
 *
 * One state, and one bit a level that says object or array; strings and words are fast loops. A token
 * that the end of a call cuts in two goes on in its state.
 */
#include "intake/grammar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/why.h"

enum state {
    VALUE,       /* after a colon, or after a comma in an array     */
    FIRST_VALUE, /* after [                                         */
    AFTER_VALUE, /* a comma, } or ]                                 */
    FIRST_KEY,   /* after {                                         */
    KEY,         /* after a comma in an object                      */
    COLON,       /* after a key                                     */
    IN_KEY,      /* in a key's string                               */
    IN_KEY_ESCAPE,
    IN_STRING,
    IN_STRING_ESCAPE, /* after a backslash                          */
    IN_WORD,          /* a number, a literal, or what the parser will reject */
};

const uint8_t grammar_class[256] = {
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

size_t grammar_length(const struct scan *s)
{
    return s->g->length + (s->i - s->from);
}

/* --- what is wrong --- */

__attribute__((format(printf, 2, 3))) static enum grammar_result is_broken(const struct scan *s,
                                                                           const char *fmt, ...)
{
    va_list ap;

    if (s->why == NULL)
        return GRAMMAR_BROKEN;
    va_start(ap, fmt);
    why_setv(s->why, fmt, ap);
    va_end(ap);
    return GRAMMAR_BROKEN;
}

enum grammar_result grammar_unexpected(const struct scan *s, const char *expected)
{
    unsigned char c = (unsigned char)s->p[s->i];

    if (grammar_class[c] == CLASS_CONTROL)
        return is_broken(s, "control byte 0x%02x: this is not text", c);
    if (c == '\'')
        return is_broken(s, "expected %s: JSON's strings need double quotes", expected);
    return is_broken(s, "expected %s", expected);
}

/* --- levels --- */

static inline bool in_array(const struct grammar *g)
{
    uint32_t at = g->depth - 1;

    return (g->stack[at / 64] >> (at % 64) & 1) != 0;
}

static enum grammar_result open_level(struct scan *s, bool array)
{
    struct grammar *g = s->g;
    uint64_t bit = UINT64_C(1) << (g->depth % 64);

    if (g->depth >= g->max_depth) {
        (void)is_broken(s, "nested deeper than %" PRIu32 " levels", g->max_depth);
        return GRAMMAR_DEEP;
    }
    if (g->depth > 0 && g->line_blank && g->mark.line == 0) {
        g->mark = place_at(s);
        g->mark_at = grammar_length(s);
    }
    if (array)
        g->stack[g->depth / 64] |= bit;
    else
        g->stack[g->depth / 64] &= ~bit;
    g->depth++;
    g->state = array ? FIRST_VALUE : FIRST_KEY;
    s->i++;
    return GRAMMAR_MORE;
}

/* A value has ended just before the byte at hand, its level popped. */
static enum grammar_result value_ended(struct grammar *g)
{
    g->state = AFTER_VALUE;
    return g->depth > 0 ? GRAMMAR_MORE : GRAMMAR_END;
}

static enum grammar_result close_level(struct scan *s)
{
    s->g->depth--;
    s->i++;
    return value_ended(s->g);
}

/* --- tokens --- */

static enum grammar_result string_token(struct scan *s)
{
    struct grammar *g = s->g;
    bool key = g->state == IN_KEY;

    while (s->i < s->n && class_at(s) <= CLASS_SPACE)
        s->i++;
    if (s->i == s->n)
        return GRAMMAR_MORE;
    switch (class_at(s)) {
    case CLASS_QUOTE:
        s->i++;
        if (!key)
            return value_ended(g);
        g->state = COLON;
        return GRAMMAR_MORE;
    case CLASS_BACKSLASH:
        s->i++;
        g->state = key ? IN_KEY_ESCAPE : IN_STRING_ESCAPE;
        return GRAMMAR_MORE;
    default:
        if (s->p[s->i] == '\n')
            return is_broken(s, "newline in a string: close it before the line ends");
        return is_broken(s, "control byte 0x%02x in a string: leave it out",
                         (unsigned char)s->p[s->i]);
    }
}

static enum grammar_result escape_token(struct scan *s)
{
    s->g->state = s->g->state == IN_KEY_ESCAPE ? IN_KEY : IN_STRING;
    if (s->p[s->i] == '"' || s->p[s->i] == '\\')
        s->i++; /* all others are checked as the string's own bytes, and by the parser */
    return GRAMMAR_MORE;
}

static enum grammar_result word_token(struct scan *s)
{
    while (s->i < s->n && class_at(s) == CLASS_WORD)
        s->i++;
    return s->i < s->n ? value_ended(s->g) : GRAMMAR_MORE;
}

static enum grammar_result value_token(struct scan *s)
{
    switch (class_at(s)) {
    case CLASS_QUOTE:
        s->i++;
        s->g->state = IN_STRING;
        return GRAMMAR_MORE;
    case CLASS_WORD:
        s->g->state = IN_WORD;
        return GRAMMAR_MORE;
    default:
        break;
    }
    if (opens_at(s))
        return open_level(s, s->p[s->i] == '[');
    if (s->p[s->i] == ']' && s->g->state == FIRST_VALUE)
        return close_level(s);
    return grammar_unexpected(s, "a value");
}

static enum grammar_result key_token(struct scan *s)
{
    if (class_at(s) == CLASS_QUOTE) {
        s->i++;
        s->g->state = IN_KEY;
        return GRAMMAR_MORE;
    }
    if (s->p[s->i] == '}' && s->g->state == FIRST_KEY)
        return close_level(s);
    if (s->g->state == KEY && s->p[s->i] >= '0' && s->p[s->i] <= '9') /* "value":1,5 */
        return is_broken(s, "expected a key, found a digit: a number's decimal point is a dot");
    return grammar_unexpected(s, "a key in double quotes");
}

static enum grammar_result comma_token(struct scan *s)
{
    bool array = in_array(s->g);
    char c = s->p[s->i];

    if (c == ',') {
        s->i++;
        s->g->state = array ? VALUE : KEY;
        return GRAMMAR_MORE;
    }
    if (c == (array ? ']' : '}'))
        return close_level(s);
    return grammar_unexpected(s, array ? ", or ]" : ", or }");
}

static enum grammar_result colon_token(struct scan *s)
{
    if (s->p[s->i] != ':')
        return grammar_unexpected(s, ": after the key");
    s->i++;
    s->g->state = VALUE;
    return GRAMMAR_MORE;
}

/* One that blanks may precede. What broke leaves line_blank, for whoever decides where to go on. */
static enum grammar_result spaced_token(struct scan *s)
{
    enum grammar_result r;

    skip_blanks(s);
    if (s->i == s->n)
        return GRAMMAR_MORE;
    switch (s->g->state) {
    case FIRST_KEY:
    case KEY:
        r = key_token(s);
        break;
    case COLON:
        r = colon_token(s);
        break;
    case AFTER_VALUE:
        r = comma_token(s);
        break;
    default:
        r = value_token(s);
        break;
    }
    if (r == GRAMMAR_MORE || r == GRAMMAR_END)
        s->g->line_blank = false;
    return r;
}

static enum grammar_result next_token(struct scan *s)
{
    switch (s->g->state) {
    case IN_KEY:
    case IN_STRING:
        return string_token(s);
    case IN_KEY_ESCAPE:
    case IN_STRING_ESCAPE:
        return escape_token(s);
    case IN_WORD:
        return word_token(s);
    default:
        return spaced_token(s);
    }
}

enum grammar_result grammar_scan(struct scan *s)
{
    enum grammar_result r = GRAMMAR_MORE;

    while (r == GRAMMAR_MORE && s->i < s->n)
        r = next_token(s);
    return r;
}

void grammar_begin(struct scan *s)
{
    s->g->state = VALUE;
    s->g->depth = 0;
    s->g->length = 0;
    s->g->mark.line = 0;
    s->from = s->i;
}
