/* tests/rig/read_graphite.h - readers of the lines of plugins/graphite, for the tests and the fuzz target
 *
 * In style tagged it is carbon's own TaggedSeries.parse, told once more in C, and undoing %XX must
 * give the very text that went in; in style plain, whose template must be "{name}.{tags}", the nodes
 * must be what the manual says of each character. All end the test where that is not so, and cut up
 * the path that they read.
 */
#pragma once
#include "rig/readback.h"

/* --- the reader of style tagged --- */

static inline unsigned digit(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c != 0 ? strchr(digits, c) : NULL;

    cr_assert_not_null(at, "not a digit: %c", c);
    return (unsigned)(at - digits);
}

/* Undoes %XX in place. */
static inline void unescape(char *s)
{
    char *to = s;

    for (; *s != 0; s++, to++) {
        *to = *s;
        if (*s != '%')
            continue;
        *to = (char)(digit(s[1]) << 4 | digit(s[2]));
        s += 2;
    }
    *to = 0;
}

/* "key=value", by the rules of validateTagAndValue. True when the metric has this tag. */
static inline bool read_tag(const struct metric *m, char *key)
{
    char *val = strchr(key, '=');

    cr_assert_not_null(val, "no = in %s", key);
    *val++ = 0;
    cr_assert(*key != 0 && strpbrk(key, "!^") == NULL && strcmp(key, "name") != 0, "key %s", key);
    cr_assert(*val != 0 && *val != '~' && strchr(val, '=') == NULL, "value %s", val);
    unescape(key);
    unescape(val);
    for (uint32_t i = 0; i < m->ntags; i++)
        if (text_is(m->tags[i].key, key))
            return text_is(m->tags[i].val, val);
    return false;
}

/* As carbon's parse() reads it, and in the order in which its format() would write it. */
static inline void read_tagged(const struct metric *m, char *path)
{
    char *before = NULL, *next = strchr(path, ';');
    uint32_t n = 0;

    for (const char *c = path; *c != 0; c++)
        cr_assert(*c > ' ' && *c < 0x7F, "a byte that is none of ASCII's: %s", path);
    cr_assert(strlen(path) < 2 || strcmp(path + strlen(path) - 2, "\"}") != 0 ||
                  strchr(path, '{') == NULL,
              "would be read as OpenMetrics: %s", path);
    if (next != NULL)
        *next++ = 0;
    cr_assert(*path != 0 && *path != '~' && *path != '.' && strstr(path, "..") == NULL &&
                  strpbrk(path, "/=") == NULL && path[strlen(path) - 1] != '.',
              "name %s", path);
    unescape(path);
    cr_assert(text_is(m->name, path), "name %s", path);
    for (char *tag = next; tag != NULL; tag = next, n++) {
        next = strchr(tag, ';');
        if (next != NULL)
            *next++ = 0;
        cr_assert(before == NULL || strcmp(before, tag) < 0, "%s before %s", before, tag);
        free(before);
        before = strdup(tag);
        cr_assert(read_tag(m, tag), "the metric has no such tag: %s", before);
    }
    free(before);
    cr_assert_eq(n, m->ntags);
}

/* --- the reader of style plain --- */

static inline bool node_char(char c)
{
    return c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c);
}

/* Compares s, character by character, with the node at *path, and goes on behind it. */
static inline void read_node(char **path, const char *s, size_t n, const char *line)
{
    for (size_t i = 0; i < n; i++) {
        if ((s[i] & 0xC0) == 0x80)
            continue; /* the same character still */
        cr_assert_eq(*(*path)++, node_char(s[i]) ? s[i] : '_', "%.*s in %s", (int)n, s, line);
    }
    cr_assert(**path == '.' || **path == 0, "%.*s in %s", (int)n, s, line);
    if (**path == '.')
        cr_assert_neq(*++*path, 0, "an empty node: %s", line);
}

/* False when only dots are in it. */
static inline bool has_node(const char *name)
{
    return name[strspn(name, ".")] != 0;
}

static inline void read_plain(const struct metric *m, char *path)
{
    const char *line = path, *at = m->name.s;

    while (has_node(at)) {
        size_t n;

        at += strspn(at, ".");
        n = strcspn(at, ".");
        read_node(&path, at, n, line);
        at += n;
    }
    for (uint32_t i = 0; i < m->ntags; i++)
        read_node(&path, m->tags[i].val.s, m->tags[i].val.n, line);
    cr_assert_eq(*path, 0, "%s", line);
}
