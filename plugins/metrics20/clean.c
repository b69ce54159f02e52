/* clean - see clean.h
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

static void put(struct text *t, char c)
{
    if (t->n == sizeof t->s)
        t->full = true;
    else
        t->s[t->n++] = c;
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
        for (size_t i = 0; i < n; i++)
            put(t, c[i]);
}

static bool node_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool ends_in_is(const struct text *t, size_t start)
{
    return t->n - start >= 3 && memcmp(t->s + t->n - 3, "_is", 3) == 0;
}

static void put_node(struct text *t, size_t start, char c)
{
    if (!node_char(c))
        c = '_';
    put(t, c == '_' && ends_in_is(t, start) ? '-' : c);
}

/* `start`: where the text begins that s is a part of. */
static void append(struct text *t, size_t start, enum style style, garnet_str s)
{
    for (size_t at = 0, n; at < s.n; at += n) {
        n = char_bytes(s, at);
        if (style == CARBON2)
            put_word(t, s.s + at, n);
        else
            put_node(t, start, s.s[at]);
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

    append(t, start, style, s);
    if (style == KEY_IS && ends_in_is(t, start))
        t->s[t->n - 3] = '-';
    return finish(t, start);
}

garnet_str clean_value(struct text *t, enum style style, garnet_str s)
{
    size_t start = t->n;

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
