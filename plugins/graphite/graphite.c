/* graphite - a metric as one line of Graphite's plaintext protocol
 *
 * style plain:   path value seconds
 * style tagged:  path;key=value;key=value value seconds
 *
 * The path is made by a template (README.md, common/template.h), the tags in tags.c. A metric
 * without a possible line is skipped with the reason; nothing else can fail but memory, at open.
 */
#include <garnet/plugin.h>
#include <stdlib.h>

#include "common/seconds.h"
#include "common/template.h"
#include "paths.h"
#include "tags.h"

enum { PLAIN, TAGGED };
enum { LINE_MOST = 4096 };
static const int64_t SECONDS_MOST = UINT32_MAX; /* whisper's are 32 bits */

struct conf {
    const char *path; /* NULL: the style's own */
    garnet_map paths;
    int64_t host, style;
};

static const garnet_option options[] = {
    {.type = GARNET_CHOICE,
     .name = "style",
     .def = "plain",
     .choices = "plain|tagged",
     .help = "Tags as nodes of a path, or beside it as tags of Graphite 1.1: path;key=value.",
     .offset = GARNET_FIELD_INT(struct conf, style)},
    TEMPLATE_PATH(
        struct conf, path,
        "The path's template; without it {host}.{prefix}.{name}.{tags}, where {tags} stands for "
        "the values of all tags that it does not name, or {prefix}.{name} in style tagged."),
    {.type = GARNET_MAP,
     .name = "paths",
     .help = "Other templates for chosen names, such as cpu.*: old.{host}.{1}. In the pattern * is "
             "any text, "
             "and {1} is what the first one stands for.",
     .offset = GARNET_FIELD_MAP(struct conf, paths)},
    TEMPLATE_HOST(struct conf, host),
};

struct state {
    struct template t;
    struct paths others; /* than t, for the names that they are for */
    struct path path;
    struct tags tags;
    struct seconds seconds;
};

/* --- callbacks --- */

static const char *path_of(const struct conf *c)
{
    if (c->path != NULL)
        return c->path;
    return c->style == TAGGED ? "{prefix}.{name}" : "{host}.{prefix}.{name}.{tags}";
}

static const char *parse(struct template *t, const struct conf *c)
{
    const char *fault = template_parse(t, path_of(c));

    t->escape = c->style == TAGGED;
    if (fault == NULL && t->escape && t->tags)
        return "has {tags}, but style tagged writes the tags after the path: leave {tags} out";
    return fault;
}

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    struct template t;
    const char *fault = parse(&t, c);
    bool good = fault == NULL && c->paths.n <= PATHS_MOST;

    if (fault != NULL)
        g->host->bad(g, "path", "\"%s\" %s", path_of(c), fault);
    if (c->paths.n > PATHS_MOST)
        g->host->bad(g, "paths", "has more than %d patterns", PATHS_MOST);
    for (size_t i = 0; i < c->paths.n; i++) {
        const garnet_tag *row = &c->paths.v[i];

        if ((fault = paths_check(row, c->style == TAGGED, &t)) == NULL)
            continue;
        g->host->bad(g, "paths", "%s: \"%s\" %s", row->key.s, row->val.s, fault);
        good = false;
    }
    return good ? GARNET_OK : GARNET_FATAL;
}

static int open_state(garnet *g)
{
    const struct conf *c = g->conf;
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL || !paths_open(&s->others, c->paths, c->style == TAGGED)) {
        free(s);
        return g->host->fail(g, GARNET_RETRY, "no memory for %zu paths", c->paths.n);
    }
    (void)parse(&s->t, c); /* check() has let all pass */
    g->state = s;
    return GARNET_OK;
}

static void close_state(garnet *g)
{
    struct state *s = g->state;

    if (s != NULL)
        paths_close(&s->others);
    free(s);
}

static void put_series(garnet *g, struct state *s)
{
    bool plain = s->tags.n == 0;

    s->path.s[s->path.n] = ' ';
    g->host->put(g, s->path.s, s->path.n + plain);
    for (size_t i = 0; i < s->tags.n; i++)
        g->host->put(g, s->tags.v[i].s, s->tags.v[i].n);
    if (!plain)
        g->host->put(g, " ", 1);
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;
    struct state *s = g->state;
    const struct template *t = paths_find(&s->others, m->name);
    int64_t seconds = seconds_of(m);
    size_t start = g->host->tell(g);
    const char *fault;

    if (seconds < 1 || seconds > SECONDS_MOST)
        return g->host->fail(g, GARNET_SKIP, "its time is outside what Graphite can store");
    if (t == NULL)
        t = &s->t;
    fault = template_write(&s->path, t, m, (enum host_style)c->host);
    if (fault == NULL && c->style == TAGGED)
        fault = tags_of(&s->tags, t, m);
    if (fault != NULL)
        return g->host->fail(g, GARNET_SKIP, "%s", fault);
    put_series(g, s);
    g->host->putv(g, m);
    put_seconds(g, &s->seconds, seconds);
    if (g->host->tell(g) - start > LINE_MOST)
        return g->host->fail(g, GARNET_SKIP, "its line would be longer than 4096 bytes");
    return GARNET_OK;
}

GARNET_PLUGIN(
        .name = "graphite", .version = "1.0",
        .about = "Graphite's plaintext protocol: carbon-cache, carbon-relay, go-carbon and others.",
        GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
        .lines = 1, .check = check, .open = open_state, .close = close_state, .format = format);
