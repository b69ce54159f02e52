/* common/template.c - placeholders are found once, and filled for each metric
 *
 * Nothing here allocates or fails: a bad template, and a metric that has no path, get a sentence
 * that says why.
 */
#include "common/template.h"

#include <string.h>

/* --- the template --- */

static const bool NODE_CHARS[256] = {
    ['-'] = true, ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['_'] = true, ['a' ... 'z'] = true,
};

static inline bool node_char(char c)
{
    return NODE_CHARS[(unsigned char)c];
}

/* As in enum part_kind, from HOST on. Each with what is said when it was most likely meant. */
static const struct {
    const char *name, *fault;
} placeholders[] = {
#define PLACEHOLDER(name)                                                                          \
    {                                                                                              \
        name, "has an unknown placeholder that is nearly {" name                                   \
              "}: write that, or {tag:KEY} for a "                                                 \
              "tag that is really called so"                                                       \
    }
    [HOST] = PLACEHOLDER("host"),     [NAME] = PLACEHOLDER("name"),
    [PREFIX] = PLACEHOLDER("prefix"), [COLLECTOR] = PLACEHOLDER("collector"),
    [TAGS] = PLACEHOLDER("tags"),
#undef PLACEHOLDER
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* How many bytes the two have in common, small and capital letters being the same. */
static size_t common(garnet_str a, garnet_str b, bool from_end)
{
    size_t i = 0;

    while (i < a.n && i < b.n &&
           lower(from_end ? a.s[a.n - 1 - i] : a.s[i]) ==
               lower(from_end ? b.s[b.n - 1 - i] : b.s[i]))
        i++;
    return i;
}

/* One character more, less or another, or two that have changed places; or other capitals. */
static bool near(garnet_str a, garnet_str b)
{
    size_t longer = a.n > b.n ? a.n : b.n, shorter = a.n + b.n - longer;
    size_t head = common(a, b, false), tail = common(a, b, true);

    if (longer - shorter > 1)
        return false;
    if (head + tail + 1 >= longer)
        return true;
    return a.n == b.n && head + tail + 2 == a.n && lower(a.s[head]) == lower(b.s[head + 1]) &&
           lower(a.s[head + 1]) == lower(b.s[head]);
}

/* NULL, or what is wrong with it. Whatever is no placeholder is the key of a tag, but for what can
 * only be a slip: the node of a tag that no metric has would be missing without a word. */
static const char *read_placeholder(struct part *part, unsigned nstars)
{
    garnet_str s = part->s;

    part->kind = TAG;
    if (nstars > 0 && s.n == 1 && s.s[0] >= '1' && s.s[0] <= '9') {
        part->kind = STAR;
        part->star = (unsigned)(s.s[0] - '1');
        return part->star < nstars ? NULL : "has a {NUMBER} beyond the stars of the pattern";
    }
    if (s.n > 4 && memcmp(s.s, "tag:", 4) == 0) {
        part->s = (garnet_str){s.s + 4, s.n - 4};
        return NULL;
    }
    for (enum part_kind k = HOST; k <= TAGS; k++) {
        garnet_str name = {placeholders[k].name, strlen(placeholders[k].name)};

        if (name.n == s.n && memcmp(name.s, s.s, s.n) == 0) {
            part->kind = k;
            return NULL;
        }
    }
    for (enum part_kind k = HOST; k <= TAGS; k++)
        if (near(s, (garnet_str){placeholders[k].name, strlen(placeholders[k].name)}))
            return placeholders[k].fault;
    return NULL;
}

/* A text with such a node fits no metric. */
static bool has_long_node(garnet_str s)
{
    size_t node = 0;

    for (size_t i = 0; i < s.n && node <= NODE_MOST; i++)
        node = s.s[i] == '.' ? 0 : node + 1;
    return node > NODE_MOST;
}

/* One part from *at on. NULL, or what is wrong with it. */
static const char *parse_part(const char **at, struct part *part, unsigned nstars)
{
    const char *p = *at;

    if (*p == '}')
        return "has a \"}\" without a \"{\" before it";
    if (*p != '{') {
        while (node_char(*p) || *p == '.')
            p++;
        if (*p != 0 && *p != '{' && *p != '}')
            return "may hold only A-Z a-z 0-9 _ - . and {placeholders}";
        *part = (struct part){.kind = TEXT, .s = {*at, (size_t)(p - *at)}};
        *at = p;
        return has_long_node(part->s) ? "has a node longer than 250 bytes" : NULL;
    }
    p += strcspn(p + 1, "{}") + 1;
    if (*p != '}')
        return "has a \"{\" without a \"}\" after it";
    part->s = (garnet_str){*at + 1, (size_t)(p - *at) - 1};
    if (part->s.n == 0)
        return "has an empty placeholder \"{}\": use {name}, {host}, {tags}, {prefix}, {collector} "
               "or the key of a tag";
    *at = p + 1;
    return read_placeholder(part, nstars);
}

/* Its parts. `used`: whether {name}, as bit 0, and each star, from bit 1 on, is there. */
static const char *parse_parts(struct template *t, const char *text, unsigned *used)
{
    const char *fault;

    t->n = t->nnamed = 0;
    t->tags = t->escape = false;
    *used = 0;
    while (*text != 0) {
        struct part *part = &t->parts[t->n];

        if (t->n == PARTS_MOST)
            return "is too long: at most 64 placeholders and texts";
        if ((fault = parse_part(&text, part, t->nstars)) != NULL)
            return fault;
        if (part->kind == TAG || part->kind == HOST)
            t->named[t->nnamed++] = part->s;
        t->tags |= part->kind == TAGS;
        *used |= part->kind == NAME ? 1 : part->kind == STAR ? 2U << part->star : 0;
        t->n++;
    }
    return NULL;
}

const char *template_parse(struct template *t, const char *text)
{
    const char *fault;
    unsigned used;

    t->nstars = 0;
    if ((fault = parse_parts(t, text, &used)) != NULL)
        return fault;
    return used != 0 ? NULL : "has no {name}: all metrics would be one series";
}

const char *template_parse_stars(struct template *t, const char *text, unsigned nstars)
{
    const char *fault;
    unsigned used;

    t->nstars = nstars;
    if ((fault = parse_parts(t, text, &used)) != NULL)
        return fault;
    if ((used & 1) == 0 && used != (2U << nstars) - 2)
        return "leaves out a star of its pattern, and has no {name}: several metrics would be one "
               "series";
    return t->n > 0 ? NULL : "is empty: write a path";
}

/* --- writing the path --- */

/* Of one node. What stands first is at fault, if both are. */
static void put_chars(struct path *p, const char *s, size_t n)
{
    size_t dot = p->dot && p->n > 0, room = PATH_MOST - p->n, node = NODE_MOST - p->node;

    p->dot = false;
    if (n > node && node + dot <= room) {
        p->fault = "a node of its path would be longer than 250 bytes";
    } else if (n + dot > room) {
        p->fault = "its path would be longer than 4096 bytes";
    } else {
        p->s[p->n] = '.';
        memcpy(p->s + p->n + dot, s, n);
        p->n += dot + n;
        p->node += n;
    }
}

static void put_dot(struct path *p)
{
    p->dot = true;
    p->node = 0;
}

/* "_" for a character, which the rest of its UTF-8 bytes do not begin; or %XX for a byte. */
static void put_odd(struct path *p, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char escaped[] = {'%', digits[c >> 4], digits[c & 15]};

    if (p->escape)
        put_chars(p, escaped, sizeof escaped);
    else if ((c & 0xC0) != 0x80)
        put_chars(p, "_", 1);
}

/* A dot without a node on both its sides would vanish: where nothing may, it is a character. */
static bool divides(const struct path *p, garnet_str s, size_t i)
{
    return s.s[i] == '.' && (!p->escape || (i > 0 && i + 1 < s.n && s.s[i - 1] != '.'));
}

/* Most of a text is node_chars: so many at a time. */
static void put_text(struct path *p, garnet_str s, bool dots)
{
    size_t end;

    for (size_t i = 0; i < s.n && p->fault == NULL; i = end) {
        for (end = i; end < s.n && node_char(s.s[end]);)
            end++;
        if (end > i) {
            put_chars(p, s.s + i, end - i);
            continue;
        }
        if (dots && divides(p, s, i))
            put_dot(p);
        else
            put_odd(p, (unsigned char)s.s[i]);
        end++;
    }
}

/* The template's own, which holds nothing but node_chars and dots. */
static void put_literal(struct path *p, garnet_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.s[i] == '.')
            put_dot(p);
        else
            put_chars(p, s.s + i, 1);
}

static void put_reversed(struct path *p, garnet_str s)
{
    size_t end = s.n;

    for (size_t i = s.n; i-- > 0;)
        if (s.s[i] == '.') {
            put_text(p, (garnet_str){s.s + i + 1, end - i - 1}, false);
            put_dot(p);
            end = i;
        }
    put_text(p, (garnet_str){s.s, end}, false);
}

static const garnet_tag *find_tag(const garnet_metric *m, garnet_str key)
{
    for (uint32_t i = 0; i < m->ntags; i++)
        if (m->tags[i].key.n == key.n && memcmp(m->tags[i].key.s, key.s, key.n) == 0)
            return &m->tags[i];
    return NULL;
}

static void put_tag(struct path *p, const garnet_metric *m, garnet_str key)
{
    const garnet_tag *tag = find_tag(m, key);

    if (tag != NULL)
        put_text(p, tag->val, false);
}

static void put_host(struct path *p, const garnet_metric *m, enum host_style style)
{
    const garnet_tag *tag = find_tag(m, (garnet_str){"host", 4});

    if (tag != NULL && style == HOST_REVERSE)
        put_reversed(p, tag->val);
    else if (tag != NULL)
        put_text(p, tag->val, style == HOST_KEEP);
}

static bool named(const struct template *t, garnet_str key)
{
    for (size_t i = 0; i < t->nnamed; i++)
        if (t->named[i].n == key.n && memcmp(t->named[i].s, key.s, key.n) == 0)
            return true;
    return false;
}

bool template_takes(const struct template *t, garnet_str key)
{
    return t->tags || named(t, key);
}

static void put_rest(struct path *p, const struct template *t, const garnet_metric *m)
{
    bool first = true;

    for (uint32_t i = 0; i < m->ntags; i++) {
        if (named(t, m->tags[i].key))
            continue;
        if (!first)
            put_dot(p);
        put_text(p, m->tags[i].val, false);
        first = false;
    }
}

static void put_name(struct path *p, garnet_str name)
{
    size_t before = p->n;

    put_text(p, name, true);
    if (p->n == before && p->fault == NULL)
        p->fault = "nothing is left of its name";
}

static void put_part(struct path *p, const struct template *t, const struct part *part,
                     const garnet_metric *m, enum host_style host)
{
    switch (part->kind) {
    case TEXT:
        put_literal(p, part->s);
        break;
    case HOST:
        put_host(p, m, host);
        break;
    case NAME:
        put_name(p, m->name);
        break;
    case PREFIX:
        put_text(p, m->prefix, true);
        break;
    case COLLECTOR:
        put_text(p, m->collector, false);
        break;
    case TAGS:
        put_rest(p, t, m);
        break;
    case TAG:
        put_tag(p, m, part->s);
        break;
    case STAR:
        put_text(p, t->star[part->star], true);
        break;
    }
}

const char *template_write(struct path *p, const struct template *t, const garnet_metric *m,
                           enum host_style host)
{
    p->n = p->node = 0;
    p->dot = false;
    p->escape = t->escape;
    p->fault = NULL;
    for (size_t i = 0; i < t->n && p->fault == NULL; i++)
        put_part(p, t, &t->parts[i], m, host);
    if (p->n == 0 && p->fault == NULL)
        p->fault = "nothing is left of its path";
    return p->fault;
}
