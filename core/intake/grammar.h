/* intake/grammar.h - the structure of one JSON value, a token at a time, resumable at any byte
 *
 * Checks brackets, keys, colons, commas, nesting and raw control bytes; not numbers, bare words,
 * escapes or UTF-8. Knows where in the stream it is, by line and byte. How the bytes are cut into
 * calls changes nothing. Nothing here allocates or fails: what is wrong is a result and a sentence.
 */
#ifndef INTAKE_GRAMMAR_H
#define INTAKE_GRAMMAR_H
#include "base/buf.h"
#include "base/why.h"

enum { GRAMMAR_MAX_DEPTH = 128 }; /* the hard bound */

struct place { /* in the stream: line from 1, byte within the line from 1 */
    uint64_t line, byte;
};

struct grammar {
    uint32_t max_depth;
    struct place now;  /* of the next byte */
    bool line_blank;   /* nothing but blanks on this line so far */
    struct place mark; /* the first line within the value that starts a value; line 0: none */
    size_t mark_at;    /* ... after so many bytes of the value */
    size_t length;     /* of the value, in the calls before this one */
    uint8_t state;
    uint32_t depth;
    uint64_t stack[GRAMMAR_MAX_DEPTH / 64]; /* a bit a level: object or array */
};

struct scan { /* the bytes of one call; a user moves on only by the functions below, and by ++i */
    struct grammar *g;
    struct why *why; /* the owner's, for what is broken; NULL: nobody wants to know */
    const char *p;
    size_t n, i;
    size_t from;    /* where the value begins in p; 0 when it began in an earlier call */
    size_t line_at; /* likewise the line */
    bool line_here; /* the line began in this call */
};

enum grammar_result {
    GRAMMAR_MORE,   /* all bytes are used, and the value goes on      */
    GRAMMAR_END,    /* the value ends just before the byte at hand    */
    GRAMMAR_BROKEN, /* the byte at hand cannot stand there: why       */
    GRAMMAR_DEEP,   /* likewise: one level too many                   */
};

/* of a byte; in a string all up to CLASS_SPACE are just text */
enum class {
    CLASS_OTHER,
    CLASS_WORD,
    CLASS_SPACE,
    CLASS_BLANK,
    CLASS_CONTROL,
    CLASS_QUOTE,
    CLASS_BACKSLASH
};

extern const uint8_t grammar_class[256];

static inline enum class class_at(const struct scan *s) {
    return (enum class)grammar_class[(unsigned char)s->p[s->i]];
}

/* The byte at hand opens an object or an array. */
static inline bool opens_at(const struct scan *s)
{
    return s->p[s->i] == '{' || s->p[s->i] == '[';
}

/* Of the byte at hand. */
static inline struct place place_at(const struct scan *s)
{
    const struct place *now = &s->g->now;

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
        s->g->now.line++;
        s->line_at = s->i + 1;
        s->line_here = true;
        s->g->line_blank = true;
    }
}

void grammar_begin(struct scan *s); /* with the byte at hand, a value */
enum grammar_result grammar_scan(struct scan *s);
size_t
grammar_length(const struct scan *s); /* bytes of the value so far, without the byte at hand */
/* Fills why: what should stand where the byte at hand does. Returns GRAMMAR_BROKEN. */
enum grammar_result grammar_unexpected(const struct scan *s, const char *expected);

#endif
