/* plugins/metrics20, read back: random metrics with hostile text go in, and a small reader, written
 * from the formats' grammars, must find the same identity, value and time in the one line that
 * comes out. What cleaning does to a text is told here once more, piece by piece, as the manual
 * has it. */
#include "base/log.h"
#include "plugin/batch.h"
#include "rig/hostile.h"

#define METRICS20 TEST_BUILD "/plugins/metrics20.so"

enum { PAIRS = 16, IDENTITY = 2048 };

/* --- what goes in --- */

/* Pieces of text, and what becomes of each in a carbon2 line and in a node of a key. */
static const struct piece {
    const char *raw, *word, *node;
} pieces[] = {
    {"a", "a", "a"},
    {"b", "b", "b"},
    {"is", "is", "is"},
    {"_", "_", "_"},
    {"_is_", "_is_", "_is_"},
    {"-", "-", "-"},
    {" ", "_", "_"},
    {"  ", "__", "__"},
    {".", ".", "_"},
    {"..", "..", "__"},
    {"=", ":", "_"},
    {":", ":", "_"},
    {"/", "/", "_"},
    {";", ";", "_"},
    {"\"", "\"", "_"},
    {"\\", "\\", "_"},
    {"%", "%", "_"},
    {"{}", "{}", "__"},
    {"\xC3\xBC", "\xC3\xBC", "_"},                 /* u with two dots */
    {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80", "_"}, /* a face */
    {"\xC2\xA0", "_", "_"},                        /* blanks of Unicode */
    {"\xE2\x80\x89", "_", "_"},
    {"\xE2\x80\xA8", "_", "_"},
    {"\xE3\x80\x80", "_", "_"},
    {"\xE2\x80\x8B", "\xE2\x80\x8B", "_"}, /* no blank: zero width */
};

struct text {
    char raw[64], clean[64];
};

/* "_is_" is a delimiter: its last byte becomes "-", from the left on. */
static void mend_is(char *s)
{
    for (char *at = s; (at = strstr(at, "_is_")) != NULL; at += 3)
        at[3] = '-';
}

static void make_text(struct text *t, bool node, bool key_is)
{
    size_t n = 1 + any_below(3), len;

    t->raw[0] = t->clean[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct piece *p = &pieces[any_below(sizeof pieces / sizeof *pieces)];

        snprintf(t->raw + strlen(t->raw), sizeof t->raw - strlen(t->raw), "%s", p->raw);
        snprintf(t->clean + strlen(t->clean), sizeof t->clean - strlen(t->clean), "%s",
                 node ? p->node : p->word);
    }
    if (node)
        mend_is(t->clean);
    len = strlen(t->clean);
    if (key_is && len >= 3 && strcmp(t->clean + len - 3, "_is") == 0)
        t->clean[len - 3] = '-';
}

struct kv {
    char key[128], val[128];
};

struct set {
    struct kv v[PAIRS];
    size_t n;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct kv *)a)->key, ((const struct kv *)b)->key);
}

/* The metric, and the tags that its line must have; false when two of those have one key. */
struct made {
    struct text name, key[4], val[4];
    struct metric m;
    struct set want;
};

static void want_tag(struct made *x, const char *key, const char *val)
{
    struct kv *p = &x->want.v[x->want.n++];

    snprintf(p->key, sizeof p->key, "%s", key);
    snprintf(p->val, sizeof p->val, "%s", val);
}

static bool make_metric(struct made *x, bool node, bool key_is)
{
    static const char *const mtypes[] = {"", "gauge", "counter", "rate", "count", "timestamp"};
    uint32_t ntags = any_below(4);

    x->m = kit_metric("", 0);
    x->want.n = 0;
    make_value(&x->m);
    make_text(&x->name, node, false);
    x->m.name = str_of(x->name.raw);
    x->m.type = (uint8_t)(1 + any_below(5));
    x->m.unit = str_of("B");
    make_time(&x->m);
    want_tag(x, "mtype", mtypes[x->m.type]);
    want_tag(x, "unit", x->m.type != METRIC_RATE ? "B" : node ? "Bps" : "B/s");
    want_tag(x, "what", x->name.clean);
    for (uint32_t i = 0; i < ntags; i++) {
        uint32_t before = x->m.ntags;

        make_text(&x->key[i], node, key_is);
        make_text(&x->val[i], node, false);
        metric_tag(x->m.tags, &x->m.ntags, str_of(x->key[i].raw), str_of(x->val[i].raw), false);
        if (x->m.ntags > before)
            want_tag(x, x->key[i].clean, x->val[i].clean);
    }
    qsort(x->want.v, x->want.n, sizeof *x->want.v, by_key);
    for (size_t i = 1; i < x->want.n; i++)
        if (strcmp(x->want.v[i - 1].key, x->want.v[i].key) == 0)
            return false;
    return true;
}

/* --- the reader --- */

struct read {
    struct set tags, meta;
    char *value, *time;
};

/* "key", the first delimiter, "value": both there, and no second delimiter. */
static void read_tag(struct set *set, char *text, const char *delimiter)
{
    char *at = strstr(text, delimiter);

    cr_assert_not_null(at, "no \"%s\" in: %s", delimiter, text);
    cr_assert(set->n < PAIRS);
    *at = 0;
    at += strlen(delimiter);
    cr_assert(*text != 0 && *at != 0, "an empty key or value: %s", text);
    cr_assert_null(strstr(at, delimiter), "two delimiters: %s", at);
    snprintf(set->v[set->n].key, sizeof set->v->key, "%s", text);
    snprintf(set->v[set->n].val, sizeof set->v->val, "%s", at);
    set->n++;
}

static void read_tags(struct set *set, char *text, char between, const char *delimiter)
{
    set->n = 0;
    for (char *next; text != NULL; text = next) {
        next = strchr(text, between);
        if (next != NULL)
            *next++ = 0;
        read_tag(set, text, delimiter);
    }
}

static void read_carbon2(struct read *r, char *line)
{
    char *two = strstr(line, "  ");

    cr_assert_not_null(two, "no two blanks: %s", line);
    cr_assert_null(strstr(two + 1, "  "), "two blanks twice: %s", line);
    *two = 0;
    r->time = cut_last(two + 2);
    r->value = cut_last(two + 2);
    read_tags(&r->tags, line, ' ', "=");
    read_tags(&r->meta, two + 2, ' ', "=");
}

static void read_key(struct read *r, char *line, const char *delimiter)
{
    r->time = cut_last(line);
    r->value = cut_last(line);
    cr_assert_null(strchr(line, ' '), "more than three fields: %s", line);
    cr_assert_null(strstr(line, *delimiter == '=' ? "_is_" : "="), "both delimiters: %s", line);
    read_tags(&r->tags, line, '.', delimiter);
    r->meta.n = 0;
}

/* --- both together --- */

static void same_tags(const struct set *got, const struct set *want, const char *line)
{
    cr_assert_eq(got->n, want->n, "%s", line);
    for (size_t i = 0; i < want->n; i++)
        cr_assert(strcmp(got->v[i].key, want->v[i].key) == 0 &&
                      strcmp(got->v[i].val, want->v[i].val) == 0,
                  "%s: got %s, %s; want %s, %s", line, got->v[i].key, got->v[i].val, want->v[i].key,
                  want->v[i].val);
}

/* The identity that the manual promises, and the one in the line. */
struct seen {
    char want[IDENTITY], line[IDENTITY];
};

static int by_want(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->want, ((const struct seen *)b)->want);
}

static int by_line(const void *a, const void *b)
{
    return strcmp(((const struct seen *)a)->line, ((const struct seen *)b)->line);
}

static size_t distinct(struct seen *seen, size_t n, int (*by)(const void *, const void *))
{
    size_t found = n > 0;

    qsort(seen, n, sizeof *seen, by);
    for (size_t i = 1; i < n; i++)
        found += by(&seen[i - 1], &seen[i]) != 0;
    return found;
}

static void remember(struct seen *s, const struct set *want, const char *line, const char *style)
{
    const char *end = strstr(line, strcmp(style, "carbon2") == 0 ? "  " : " ");
    size_t n = 0;

    cr_assert_not_null(end);
    for (size_t i = 0; i < want->n; i++)
        n += (size_t)snprintf(s->want + n, sizeof s->want - n, "%s\n%s\n", want->v[i].key,
                              want->v[i].val);
    cr_assert(n < sizeof s->want && (size_t)(end - line) < sizeof s->line);
    snprintf(s->line, sizeof s->line, "%.*s", (int)(end - line), line);
}

/* One metric through the plugin and back; false when it has no line, as it should. */
static bool there_and_back(struct batch *b, const char *style, struct seen *seen)
{
    static struct made x;
    struct read r;
    char line[IDENTITY], text[IDENTITY];
    bool node = strcmp(style, "carbon2") != 0, has_line = make_metric(&x, node, style[3] == '_');

    batch_begin(b);
    cr_assert_eq(batch_add(b, &x.m, 0, 1), BATCH_ADDED);
    cr_assert_eq(b->rejected, 0, "%s", plugin_why(b->plugin));
    cr_assert_eq(b->nmetrics, has_line, "%s", plugin_why(b->plugin));
    if (!has_line)
        return false;
    cr_assert(b->bytes.n < sizeof line && b->bytes.p[b->bytes.n - 1] == '\n');
    snprintf(line, sizeof line, "%.*s", (int)b->bytes.n - 1, b->bytes.p);
    cr_assert(strlen(line) == b->bytes.n - 1 && strchr(line, '\n') == NULL, "%s", line);
    memcpy(text, line, sizeof text);
    if (node)
        read_key(&r, text, style[3] == '_' ? "_is_" : "=");
    else
        read_carbon2(&r, text);
    same_tags(&r.tags, &x.want, line);
    cr_assert(node || (r.meta.n == 1 && strcmp(r.meta.v[0].val, "garnet") == 0), "%s", line);
    same_value(&x.m, r.value);
    same_time(&x.m, r.time);
    remember(seen, &x.want, line, style);
    return true;
}

static void run_style(const char *style, const char *options)
{
    size_t rounds = hostile_rounds(), n = 0;
    struct seen *seen = calloc(rounds, sizeof *seen);
    struct kit k;
    struct plugin p;
    struct batch b;

    log_set_level(LOG_L_ERROR);
    hostile_seed = 20;
    cr_assert_not_null(seen);
    kit_open(&k);
    kit_plugin(&k, &p, METRICS20, options);
    cr_assert(batch_init(&b, &p, 1 << 20));
    for (size_t i = 0; i < rounds; i++)
        n += there_and_back(&b, style, &seen[n]);
    cr_assert(n > rounds / 2 && n < rounds, "%zu", n); /* both kinds were there */
    cr_assert_eq(distinct(seen, n, by_want), distinct(seen, n, by_line));
    free(seen);
    batch_free(&b);
    plugin_unload(&p);
    kit_close(&k);
}

Test(metrics20_parse, carbon2)
{
    run_style("carbon2", "{to: stdout}");
}

Test(metrics20_parse, key)
{
    run_style("key", "{to: stdout, style: key}");
}

Test(metrics20_parse, key_is)
{
    run_style("key_is", "{to: stdout, style: key_is}");
}
