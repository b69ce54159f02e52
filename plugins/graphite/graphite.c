/* graphite - a metric as one line of Graphite's plaintext protocol: "path value seconds\n"
 *
 * The path is made by a template (README.md, common/template.h). A metric without a possible line
 * is skipped with the reason; nothing else can fail but memory, at open.
 */
#include <garnet/plugin.h>
#include <stdlib.h>

#include "common/template.h"

enum { LINE_MOST = 4096 };
static const int64_t NS_PER_S = 1000000000, SECONDS_MOST = UINT32_MAX; /* whisper's are 32 bits */

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
     .choices = HOST_STYLES,
     .help = "How {host} is written: its dots as underscores, kept as nodes, or kept and reversed.",
     .offset = GARNET_FIELD_INT(struct conf, host)},
};

struct state {
    struct template t;
    struct path path;
};

/* ---- callbacks ------------------------------------------------------------------------------- */

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    struct template t;
    const char *fault = template_parse(&t, c->path);

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
    (void)template_parse(&s->t, c->path); /* check() has let it pass */
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
    const char *fault;

    if (seconds < 1 || seconds > SECONDS_MOST)
        return g->host->fail(g, GARNET_SKIP, "its time is outside what Graphite can store");
    fault = template_write(&s->path, &s->t, m, (enum host_style)c->host);
    if (fault != NULL)
        return g->host->fail(g, GARNET_SKIP, "%s", fault);
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
