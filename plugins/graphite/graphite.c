/* graphite - a metric as one line of Graphite's plaintext protocol: "path value seconds\n"
 *
 * The path is made by a template (README.md): its text and placeholders become nodes, divided by
 * dots, that hold nothing but [A-Za-z0-9_-]. So no byte of a name, tag or value can end a line, add
 * a field, or climb in a file tree. A metric without a possible line is skipped with the reason;
 * nothing else can fail but memory, at open.
 */
#include <garnet/plugin.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_MOST = 250, LINE_MOST = 4096, PARTS_MOST = 64 };
static const int64_t NS_PER_S = 1000000000, SECONDS_MOST = UINT32_MAX; /* whisper's are 32 bits */

enum { HOST_UNDERSCORE, HOST_KEEP, HOST_REVERSE };

struct conf {
    const char *path;
    int64_t host;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .name = "path",
     .def = "{host}.{prefix}.{name}.{tags}",
     .help = "The path's template; {tags} stands for the values of all tags that it does not name.",
     .offset = GARNET_FIELD_STR(struct conf, path)},
    {.type = GARNET_CHOICE,
     .name = "host",
     .def = "underscore",
     .choices = "underscore|keep|reverse",
     .help = "How {host} is written: its dots as underscores, kept as nodes, or kept and reversed.",
     .offset = GARNET_FIELD_INT(struct conf, host)},
};

enum part_kind { TEXT, HOST, NAME, PREFIX, COLLECTOR, TAGS, TAG };

struct part {
    enum part_kind kind;
    garnet_str s; /* TEXT, TAG; points into the option */
};

struct template
{
    struct part parts[PARTS_MOST];
    size_t n;
};

/* The path being written. Dots are held back until a node follows them: so empty nodes cannot
 * arise. */
struct path {
    char s[LINE_MOST];
    size_t n;
    size_t node; /* bytes of the node at hand */
    bool dot;    /* one is held back */
    const char *fault;
};

struct state {
    struct template t;
    struct path path;
};

/* ---- the template ---------------------------------------------------------------------------- */

static bool node_char(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static enum part_kind kind_of(garnet_str s)
{
    static const char *const names[] = {[HOST] = "host",
                                        [NAME] = "name",
                                        [PREFIX] = "prefix",
                                        [COLLECTOR] = "collector",
                                        [TAGS] = "tags"};

    for (enum part_kind k = HOST; k <= TAGS; k++)
        if (strlen(names[k]) == s.n && memcmp(names[k], s.s, s.n) == 0)
            return k;
    return TAG;
}

/* One part from *at on. NULL, or what is wrong with it. */
static const char *parse_part(const char **at, struct part *part)
{
    const char *p = *at;

    if (*p == '}')
        return "has a \"}\" without a \"{\" before it";
    if (*p != '{') {
        while (node_char((unsigned char)*p) || *p == '.')
            p++;
        if (*p != 0 && *p != '{' && *p != '}')
            return "may hold only A-Z a-z 0-9 _ - . and {placeholders}";
        *part = (struct part){TEXT, {*at, (size_t)(p - *at)}};
        *at = p;
        return NULL;
    }
    p += strcspn(p + 1, "{}") + 1;
    if (*p != '}')
        return "has a \"{\" without a \"}\" after it";
    part->s = (garnet_str){*at + 1, (size_t)(p - *at) - 1};
    if (part->s.n == 0)
        return "has an empty placeholder \"{}\": use {name}, {host}, {tags}, {prefix}, {collector} "
               "or the key of a tag";
    part->kind = kind_of(part->s);
    *at = p + 1;
    return NULL;
}

static bool has(const struct template *t, enum part_kind kind)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->parts[i].kind == kind)
            return true;
    return false;
}

/* NULL, or what is wrong. The template borrows `text`. */
static const char *parse(struct template *t, const char *text)
{
    const char *fault = NULL;

    t->n = 0;
    while (fault == NULL && *text != 0) {
        if (t->n == PARTS_MOST)
            return "is too long: at most 64 placeholders and texts";
        fault = parse_part(&text, &t->parts[t->n]);
        t->n++;
    }
    if (fault == NULL && !has(t, NAME))
        fault = "has no {name}: all metrics would be one series";
    return fault;
}

/* ---- writing the path ------------------------------------------------------------------------ */

static void put_byte(struct path *p, char c)
{
    if (p->n == sizeof p->s)
        p->fault = "its line would be longer than 4096 bytes";
    else
        p->s[p->n++] = c;
}

static void put_char(struct path *p, char c)
{
    if (p->dot && p->n > 0)
        put_byte(p, '.');
    p->dot = false;
    put_byte(p, c);
    if (++p->node > NODE_MOST)
        p->fault = "a node of its path would be longer than 250 bytes";
}

static void put_dot(struct path *p)
{
    p->dot = true;
    p->node = 0;
}

/* What is no node_char becomes "_": one for a character, which the rest of its UTF-8 bytes do
 * not begin. */
static void put_text(struct path *p, garnet_str s, bool dots)
{
    for (size_t i = 0; i < s.n && p->fault == NULL; i++) {
        unsigned char c = (unsigned char)s.s[i];

        if (node_char(c))
            put_char(p, (char)c);
        else if (c == '.' && dots)
            put_dot(p);
        else if ((c & 0xC0) != 0x80)
            put_char(p, '_');
    }
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

static void put_host(struct path *p, const garnet_metric *m, int64_t style)
{
    const garnet_tag *tag = find_tag(m, (garnet_str){"host", 4});

    if (tag != NULL && style == HOST_REVERSE)
        put_reversed(p, tag->val);
    else if (tag != NULL)
        put_text(p, tag->val, style == HOST_KEEP);
}

static bool named(const struct template *t, garnet_str key)
{
    for (size_t i = 0; i < t->n; i++)
        if ((t->parts[i].kind == TAG || t->parts[i].kind == HOST) && t->parts[i].s.n == key.n &&
            memcmp(t->parts[i].s.s, key.s, key.n) == 0)
            return true;
    return false;
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

static void put_part(struct state *s, const struct part *part, const garnet_metric *m, int64_t host)
{
    switch (part->kind) {
    case TEXT:
        put_text(&s->path, part->s, true);
        break;
    case HOST:
        put_host(&s->path, m, host);
        break;
    case NAME:
        put_name(&s->path, m->name);
        break;
    case PREFIX:
        put_text(&s->path, m->prefix, true);
        break;
    case COLLECTOR:
        put_text(&s->path, m->collector, false);
        break;
    case TAGS:
        put_rest(&s->path, &s->t, m);
        break;
    case TAG:
        put_tag(&s->path, m, part->s);
        break;
    }
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    struct template t;
    const char *fault = parse(&t, c->path);

    if (fault == NULL)
        return GARNET_OK;
    g->host->bad(g, "path", "\"%s\" %s", c->path, fault);
    return GARNET_FATAL;
}

static int open_state(garnet *g)
{
    const struct conf *c = g->conf;
    struct state *s = malloc(sizeof *s);

    if (s == NULL)
        return g->host->fail(g, GARNET_RETRY, "no memory for %zu bytes", sizeof *s);
    (void)parse(&s->t, c->path); /* check() has let it pass */
    g->state = s;
    return GARNET_OK;
}

static void close_state(garnet *g)
{
    free(g->state);
}

/* Rounds down: a point belongs to the second in which it was taken. */
static int64_t seconds_of(int64_t ns)
{
    return ns >= 0 ? ns / NS_PER_S : -1;
}

static void put_line(garnet *g, const struct path *p, const garnet_metric *m, int64_t seconds)
{
    char text[24], *at = text + sizeof text;

    g->host->put(g, p->s, p->n);
    g->host->put(g, " ", 1);
    g->host->putv(g, m);
    *--at = '\n';
    for (; seconds > 0; seconds /= 10)
        *--at = (char)('0' + seconds % 10);
    *--at = ' ';
    g->host->put(g, at, (size_t)(text + sizeof text - at));
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;
    struct state *s = g->state;
    int64_t seconds = seconds_of(m->time_ns);
    size_t start = g->host->tell(g);

    if (seconds < 1 || seconds > SECONDS_MOST)
        return g->host->fail(g, GARNET_SKIP, "its time is outside what Graphite can store");
    s->path.n = s->path.node = 0;
    s->path.dot = false;
    s->path.fault = NULL;
    for (size_t i = 0; i < s->t.n && s->path.fault == NULL; i++)
        put_part(s, &s->t.parts[i], m, c->host);
    if (s->path.fault != NULL)
        return g->host->fail(g, GARNET_SKIP, "%s", s->path.fault);
    put_line(g, &s->path, m, seconds);
    if (g->host->tell(g) - start > LINE_MOST)
        return g->host->fail(g, GARNET_SKIP, "its line would be longer than 4096 bytes");
    return GARNET_OK;
}

GARNET_PLUGIN(
        .name = "graphite", .version = "1.0",
        .about = "Graphite's plaintext protocol: carbon-cache, carbon-relay, go-carbon and others.",
        GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
        .lines = 1, .check = check, .open = open_state, .close = close_state, .format = format);
