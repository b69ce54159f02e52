/* fuzz_metrics20.c - any metric through plugins/metrics20, in all its styles, and read back: one
 * line, and in it the tags that the manual promises, the same value and time
 *
 * What cleaning makes of a text is told here once more, by characters. Units have a table of their
 * own (tests/unit/plugins/test_metrics20_units.c): here is only looked that there is one, but for "B".
 */
#include "formatter.h"

enum { CARBON2, KEY, KEY_IS, TAGS_MOST = 3 * METRIC_MAX_TAGS };
static const char *const styles[] = {"{to: stdout}", "{to: stdout, style: key}",
                                     "{to: stdout, style: key_is}", NULL};

struct kv {
    char *key, *val;
};

static struct set {
    struct kv v[TAGS_MOST];
    size_t n;
} want, got, meta;

/* --- what the line must have --- */

static bool is_blank(const char *c, size_t n)
{
    static const char *const blanks[] = {" ",      "\u00A0", "\u1680", "\u2000", "\u2001",
                                         "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
                                         "\u2007", "\u2008", "\u2009", "\u200A", "\u2028",
                                         "\u2029", "\u202F", "\u205F", "\u3000"};

    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (strlen(blanks[i]) == n && memcmp(blanks[i], c, n) == 0)
            return true;
    return false;
}

static bool node_char(char c)
{
    return c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", c);
}

/* One character for one. To be freed. */
static char *cleaned(struct str s, unsigned style, bool key)
{
    char *text = malloc(s.n + 1), *to = text;

    HOLDS(text != NULL);
    for (size_t i = 0, n; i < s.n; i += n) {
        for (n = 1; i + n < s.n && (s.s[i + n] & 0xC0) == 0x80;)
            n++;
        if (style == CARBON2 ? is_blank(s.s + i, n) : !node_char(s.s[i])) {
            *to++ = '_';
        } else if (s.s[i] == '=') {
            *to++ = ':';
        } else {
            memcpy(to, s.s + i, n);
            to += n;
        }
    }
    *to = 0;
    for (char *at = text; style != CARBON2 && (at = strstr(at, "_is_")) != NULL; at += 3)
        at[3] = '-';
    if (style == KEY_IS && key && to - text >= 3 && strcmp(to - 3, "_is") == 0)
        to[-3] = '-';
    return text;
}

static void want_tag(struct str key, struct str val, unsigned style)
{
    want.v[want.n++] = (struct kv){cleaned(key, style, true), cleaned(val, style, false)};
}

static const struct tag *tag_of(const struct metric *m, const char *key)
{
    for (uint32_t i = 0; i < m->ntags; i++)
        if (text_is(m->tags[i].key, key))
            return &m->tags[i];
    return NULL;
}

static void want_own(const struct tag *t, unsigned style)
{
    struct tag tag = *t;

    if (text_is(tag.key, "unit") || text_is(tag.key, "mtype"))
        return;
    if (text_is(tag.key, "direction") && text_is(tag.val, "rx"))
        tag.val = str_of("in");
    if (text_is(tag.key, "direction") && text_is(tag.val, "tx"))
        tag.val = str_of("out");
    want_tag(tag.key, tag.val, style);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct kv *)a)->key, ((const struct kv *)b)->key);
}

static void want_all(const struct metric *m, unsigned style)
{
    want.n = 0;
    want_tag(str_of("mtype"), str_of(metric_type_name(m->type)), style);
    if (tag_of(m, "what") == NULL)
        want_tag(str_of("what"), m->name, style);
    for (uint32_t i = 0; i < m->ntags; i++)
        want_own(&m->tags[i], style);
    qsort(want.v, want.n, sizeof *want.v, by_key);
}

/* --- what it has --- */

static void read_tags(struct set *set, char *text, char between, const char *delimiter)
{
    set->n = 0;
    for (char *next; text != NULL && *text != 0; text = next) {
        char *at;

        if ((next = strchr(text, between)) != NULL)
            *next++ = 0;
        HOLDS((at = strstr(text, delimiter)) != NULL && set->n < TAGS_MOST);
        *at = 0;
        at += strlen(delimiter);
        HOLDS(*text != 0 && *at != 0 && strstr(at, delimiter) == NULL);
        HOLDS(set->n == 0 || strcmp(set->v[set->n - 1].key, text) < 0);
        set->v[set->n++] = (struct kv){text, at};
    }
}

static void same_unit(const struct metric *m, const char *unit, unsigned style)
{
    if (text_is(m->unit, "B"))
        HOLDS(strcmp(unit, m->type != METRIC_RATE ? "B" : style == CARBON2 ? "B/s" : "Bps") == 0);
}

/* Those wanted, and the unit. */
static void same_tags(const struct metric *m, unsigned style)
{
    size_t at = 0;

    HOLDS(got.n == want.n + 1);
    for (size_t i = 0; i < got.n; i++) {
        if (strcmp(got.v[i].key, "unit") == 0) {
            same_unit(m, got.v[i].val, style);
            continue;
        }
        HOLDS(at < want.n && strcmp(got.v[i].key, want.v[at].key) == 0);
        HOLDS(strcmp(got.v[i].val, want.v[at].val) == 0);
        at++;
    }
}

/* No key of them is an intrinsic tag's, and "agent" is somewhere. */
static void look_at_meta(void)
{
    unsigned agents = 0;

    for (size_t i = 0; i < meta.n; i++) {
        agents += strcmp(meta.v[i].key, "agent") == 0;
        for (size_t k = 0; k < got.n; k++)
            HOLDS(strcmp(meta.v[i].key, got.v[k].key) != 0);
    }
    for (size_t k = 0; k < got.n; k++)
        agents += strcmp(got.v[k].key, "agent") == 0;
    HOLDS(agents == 1);
}

static void same_line(const struct metric *m, char *line, unsigned style)
{
    char *two = strstr(line, "  ");

    same_time(m, cut_last(line));
    same_value(m, cut_last(line));
    want_all(m, style);
    if (style == CARBON2) {
        HOLDS(two != NULL && strstr(two + 1, "  ") == NULL);
        *two = 0;
        read_tags(&meta, two + 1 + (two[1] != 0), ' ', "=");
        read_tags(&got, line, ' ', "=");
        look_at_meta();
    } else {
        HOLDS(strchr(line, ' ') == NULL && strlen(line) < 4096);
        HOLDS(strstr(line, style == KEY ? "_is_" : "=") == NULL);
        read_tags(&got, line, '.', style == KEY ? "=" : "_is_");
    }
    same_tags(m, style);
    for (size_t i = 0; i < want.n; i++) {
        free(want.v[i].key);
        free(want.v[i].val);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    return fuzz_one_line(styles, p, n, same_line);
}
