/* plugins/graphite, read back: random metrics with hostile text go in, and a small reader must find
 * the same identity, value and time in the one line that comes out. In style tagged it is carbon's
 * own TaggedSeries.parse, told once more in C, and undoing %XX must give the very text that went in;
 * in style plain the nodes must be what the manual says of each character. */
#include "base/log.h"
#include "hostile.h"
#include "sink/batch.h"

enum { LINE = 4097, TEXT = 64, TAGS = 6 };

/* ---- what goes in ---------------------------------------------------------------------------- */

static const char *const pieces[] = {
    "a",
    "k",
    "B",
    "1",
    "10",
    "-",
    "_",
    " ",
    ".",
    "..",
    "=",
    ";",
    ";a=b",
    "!",
    "^",
    "~",
    "%",
    "%41",
    "\"",
    "{",
    "\"}",
    "'",
    "\\",
    "/",
    "../",
    ",",
    "*",
    ":",
    "name",
    "_name",
    "host",
    "\xC3\xBC",         /* u with two dots */
    "\xC2\xA0",         /* blanks of Unicode, where Python's split() divides */
    "\xE2\x80\xA8",     /* the same */
    "\xE2\x80\x8B",     /* no blank: zero width */
    "\xF0\x9F\x98\x80", /* a face */
};

struct made {
    char name[TEXT], key[TAGS][TEXT], val[TAGS][TEXT];
    struct metric m;
};

static void make_text(char *s)
{
    size_t n = 1 + any(4), used = 0;

    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(s + used, TEXT - used, "%s",
                                 pieces[any(sizeof pieces / sizeof *pieces)]);
}

static void make_metric(struct made *x)
{
    uint32_t ntags = any(TAGS + 1);

    x->m = kit_metric("", 0);
    make_value(&x->m);
    make_time(&x->m);
    make_text(x->name);
    x->m.name = str_of(x->name);
    for (uint32_t i = 0; i < ntags; i++) {
        make_text(x->key[i]);
        make_text(x->val[i]);
        metric_tag(x->m.tags, &x->m.ntags, str_of(x->key[i]), str_of(x->val[i]), false);
    }
}

/* ---- the reader of style tagged -------------------------------------------------------------- */

static unsigned digit(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c != 0 ? strchr(digits, c) : NULL;

    cr_assert_not_null(at, "not a digit: %c", c);
    return (unsigned)(at - digits);
}

/* Undoes %XX in place. */
static void unescape(char *s)
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

static bool is(struct str s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.s, text, s.n) == 0;
}

/* "key=value", by the rules of validateTagAndValue. True when the metric has this tag. */
static bool read_tag(const struct metric *m, char *key)
{
    char *val = strchr(key, '=');

    cr_assert_not_null(val, "no = in %s", key);
    *val++ = 0;
    cr_assert(*key != 0 && strpbrk(key, "!^") == NULL && strcmp(key, "name") != 0, "key %s", key);
    cr_assert(*val != 0 && *val != '~' && strchr(val, '=') == NULL, "value %s", val);
    unescape(key);
    unescape(val);
    for (uint32_t i = 0; i < m->ntags; i++)
        if (is(m->tags[i].key, key))
            return is(m->tags[i].val, val);
    return false;
}

/* As carbon's parse() reads it, and in the order in which its format() would write it. */
static void read_tagged(const struct metric *m, char *path)
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
    cr_assert(is(m->name, path), "name %s", path);
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

/* ---- the reader of style plain --------------------------------------------------------------- */

static bool node_char(char c)
{
    return c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c);
}

/* Compares s, character by character, with the node at *path, and goes on behind it. */
static void read_node(char **path, const char *s, size_t n, const char *line)
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
static bool has_node(const char *name)
{
    return name[strspn(name, ".")] != 0;
}

static void read_plain(const struct metric *m, char *path)
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

/* ---- both together --------------------------------------------------------------------------- */

/* One metric through the plugin and back; false when it has no line, as it should. */
static bool there_and_back(struct batch *b, bool tagged)
{
    static struct made x;
    char line[LINE];
    bool has_line;

    make_metric(&x);
    has_line = tagged || has_node(x.name);
    batch_begin(b, 0);
    cr_assert_eq(batch_add(b, &x.m, 0, 1), BATCH_ADDED);
    cr_assert_eq(b->rejected, 0, "%s", b->plugin->why);
    cr_assert_eq(b->nmetrics, has_line, "%s: %s", x.name, b->plugin->why);
    if (!has_line)
        return false;
    cr_assert(b->bytes.n < sizeof line && b->bytes.p[b->bytes.n - 1] == '\n');
    snprintf(line, sizeof line, "%.*s", (int)b->bytes.n - 1, b->bytes.p);
    cr_assert(strlen(line) == b->bytes.n - 1 && strchr(line, '\n') == NULL, "%s", line);
    same_time(&x.m, cut_last(line));
    same_value(&x.m, cut_last(line));
    if (tagged)
        read_tagged(&x.m, line);
    else
        read_plain(&x.m, line);
    return true;
}

static void run_style(const char *options, bool tagged)
{
    size_t rounds = hostile_rounds(), n = 0;
    struct kit k;
    struct plugin p;
    struct batch b;

    log_set_level(LOG_L_ERROR);
    hostile_seed = 11;
    kit_open(&k);
    kit_plugin(&k, &p, GRAPHITE, options);
    cr_assert(batch_init(&b, &p, 1 << 20));
    for (size_t i = 0; i < rounds; i++)
        n += there_and_back(&b, tagged);
    cr_assert(n > rounds / 2 && (n == rounds) == tagged, "%zu", n); /* plain: both kinds */
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

Test(graphite_parse, plain)
{
    run_style("{to: stdout, path: '{name}.{tags}'}", false);
}

Test(graphite_parse, tagged)
{
    run_style("{to: stdout, style: tagged}", true);
}
