/* clean.c - one character for one, by two tables
 *
 * carbon2: its fields are divided by blanks, and a tag by its first "=". So white space, also that
 * of Unicode, since some readers split there, becomes "_", and "=" becomes ":".
 *
 * key, key_is: a node holds only [A-Za-z0-9_-], as in the graphite plugin and for the same readers.
 * On top of that "_is_" is a tag's delimiter wherever it stands, and a key that has both
 * delimiters is refused, so that it becomes "_is-".
 */
#include "clean.h"

#include <string.h>

enum { IN_WORD = 1, IN_NODE = 2 };

/* What stays as it is, with no look at what is beside it: nearly all there is. */
static const unsigned char plain[256] = {
    ['!' ... ','] = IN_WORD,           ['-'] = IN_WORD | IN_NODE,
    ['.' ... '/'] = IN_WORD,           ['0' ... '9'] = IN_WORD | IN_NODE,
    [':' ... '<'] = IN_WORD,           ['>' ... '@'] = IN_WORD,
    ['A' ... 'Z'] = IN_WORD | IN_NODE, ['[' ... '`'] = IN_WORD,
    ['a' ... 'z'] = IN_WORD | IN_NODE, ['{' ... '~'] = IN_WORD};

static void put_all(struct text *t, const char *s, size_t n)
{
    if (n > sizeof t->s - t->n) {
        t->full = true;
        n = sizeof t->s - t->n;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
}

static void put(struct text *t, char c)
{
    put_all(t, &c, 1);
}

/* How many bytes the character at s.s[at] has: its first, and those that continue it. */
static size_t char_bytes(garnet_str s, size_t at)
{
    size_t n = 1;

    while (at + n < s.n && ((unsigned char)s.s[at + n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* The characters with Unicode's property White_Space, and control characters. */
static bool is_blank(const char *c, size_t n)
{
    const unsigned char *p = (const unsigned char *)c;

    if (n == 1)
        return p[0] <= ' ' || p[0] == 0x7F;
    if (n == 2)
        return p[0] == 0xC2 && (p[1] == 0x85 || p[1] == 0xA0);
    if (n != 3)
        return false;
    if (p[0] == 0xE2 && p[1] == 0x80)
        return p[2] <= 0x8A || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF;
    return memcmp(c, "\xE1\x9A\x80", 3) == 0 || memcmp(c, "\xE2\x81\x9F", 3) == 0 ||
           memcmp(c, "\xE3\x80\x80", 3) == 0;
}

static void put_word(struct text *t, const char *c, size_t n)
{
    if (is_blank(c, n))
        put(t, '_');
    else if (*c == '=')
        put(t, ':');
    else
        put_all(t, c, n);
}

static bool ends_in_is(const struct text *t, size_t start)
{
    return t->n - start >= 3 && memcmp(t->s + t->n - 3, "_is", 3) == 0;
}

/* "_", or what stands for a character that no node holds. */
static void put_underscore(struct text *t, size_t start)
{
    put(t, ends_in_is(t, start) ? '-' : '_');
}

/* How many bytes from `at` on stay as they are. */
static size_t plain_bytes(garnet_str s, size_t at, enum style style)
{
    const unsigned char where = style == CARBON2 ? IN_WORD : IN_NODE;
    size_t end = at;

    while (end < s.n && (plain[(unsigned char)s.s[end]] & where) != 0)
        end++;
    return end - at;
}

/* `start`: where the text begins that s is a part of. */
static void append(struct text *t, size_t start, enum style style, garnet_str s)
{
    for (size_t at = 0, n; at < s.n; at += n) {
        n = plain_bytes(s, at, style);
        if (n > 0) {
            put_all(t, s.s + at, n);
            continue;
        }
        n = char_bytes(s, at);
        if (style == CARBON2)
            put_word(t, s.s + at, n);
        else
            put_underscore(t, start);
    }
}

static garnet_str finish(struct text *t, size_t start)
{
    size_t n = t->n - start;

    put(t, 0);
    if (t->full) /* then nobody looks at it */
        return (garnet_str){"", 0};
    return (garnet_str){t->s + start, n};
}

/* A key that ends in "_is" would move the delimiter: "a_is" with "b" and "a" with "is_b" were
 * one text. */
garnet_str clean_key(struct text *t, enum style style, garnet_str s)
{
    size_t start = t->n;

    if (plain_bytes(s, 0, style) == s.n)
        return s;
    append(t, start, style, s);
    if (style == KEY_IS && ends_in_is(t, start))
        t->s[t->n - 3] = '-';
    return finish(t, start);
}

garnet_str clean_value(struct text *t, enum style style, garnet_str s)
{
    size_t start = t->n;

    if (plain_bytes(s, 0, style) == s.n)
        return s;
    append(t, start, style, s);
    return finish(t, start);
}

garnet_str clean_name(struct text *t, enum style style, garnet_str prefix, garnet_str name)
{
    size_t start = t->n;

    append(t, start, style, prefix);
    if (prefix.n > 0)
        append(t, start, style, (garnet_str){".", 1});
    append(t, start, style, name);
    return finish(t, start);
}
