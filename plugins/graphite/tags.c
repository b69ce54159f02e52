/* tags.c - sorted as carbon sorts them, and escaped
 *
 * Carbon stores a series whose tags it cannot read under the raw text, and one whose tags are in
 * another order under the sorted text. So tags are always written readable and sorted. Nothing
 * allocates; tags that cannot be written get a sentence that says why.
 */
#include "tags.h"

#include <string.h>

/* ";" divides tags, "%" begins what is escaped, and a path that ends in "} with a { before would be
 * read as OpenMetrics. "=" in a value is refused by some readers. Blanks end the field. */
static bool kept(unsigned char c, bool in_key)
{
    switch (c) {
    case ';':
    case '%':
    case '"':
    case '=':
        return false;
    case '!':
    case '^':
        return !in_key;
    default:
        return c > ' ' && c < 0x7F;
    }
}

static void put(struct tags *t, char c)
{
    if (t->used == sizeof t->text)
        t->full = true;
    else
        t->text[t->used++] = c;
}

static void put_escaped(struct tags *t, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";

    put(t, '%');
    put(t, digits[c >> 4]);
    put(t, digits[c & 15]);
}

/* carbon-c-relay takes out a dot behind a dot, and the one that the first key begins with: two
 * series would become one. */
static bool lost_dot(garnet_str s, size_t i, bool in_key)
{
    return s.s[i] == '.' && (i == 0 ? in_key : s.s[i - 1] == '.');
}

/* `escape_first`: also what is kept elsewhere. */
static void put_text(struct tags *t, garnet_str s, bool in_key, bool escape_first)
{
    for (size_t i = 0; i < s.n && !t->full; i++) {
        unsigned char c = (unsigned char)s.s[i];

        if (kept(c, in_key) && !(i == 0 && escape_first) && !lost_dot(s, i, in_key))
            put(t, (char)c);
        else
            put_escaped(t, c);
    }
}

/* As strings, "=" and value included, which is carbon's order: "k2=" stands before "k=". */
static int compare(garnet_str a, garnet_str b)
{
    int d = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

    return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

static void insert(struct tags *t, garnet_str tag)
{
    size_t at = t->n++;

    for (; at > 0 && compare(t->v[at - 1], tag) > 0; at--)
        t->v[at] = t->v[at - 1];
    t->v[at] = tag;
}

/* Carbon overwrites a tag "name" with the metric's name, and no value may begin with "~". */
static const char *add(struct tags *t, const garnet_tag *tag)
{
    size_t start = t->used;

    if (tag->key.n == 0 || tag->val.n == 0)
        return "one of its tags is empty";
    if (t->n == TAGS_MOST)
        return "it has too many tags";
    put(t, ';');
    put_text(t, tag->key, true, tag->key.n == 4 && memcmp(tag->key.s, "name", 4) == 0);
    put(t, '=');
    put_text(t, tag->val, false, tag->val.s[0] == '~');
    if (t->full)
        return "its line would be longer than 4096 bytes";
    insert(t, (garnet_str){t->text + start, t->used - start});
    return NULL;
}

const char *tags_of(struct tags *t, const struct template *path, const garnet_metric *m)
{
    const char *fault = NULL;

    t->n = t->used = 0;
    t->full = false;
    for (uint32_t i = 0; i < m->ntags && fault == NULL; i++)
        if (!template_takes(path, m->tags[i].key))
            fault = add(t, &m->tags[i]);
    return fault;
}
