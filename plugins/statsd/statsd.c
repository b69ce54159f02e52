/* statsd - a metric as a line of StatsD's protocol: "path:value|type\n"
 *
 * The path is made by a template (README.md, common/template.h), so that no byte of a metric can
 * end a line or a field. A negative gauge takes two lines, since a sign means a change: first
 * the gauge is set to zero. Both are one metric to the host, which never parts them. A metric
 * without a line is skipped with the reason; nothing else can fail but memory, at open.
 */
#include <garnet/plugin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/template.h"
#include "globs.h"

enum { STATSD, DOGSTATSD };

struct conf {
    const char *path; /* NULL: the dialect's own */
    int64_t host, dialect;
    garnet_list timers, sets;
};

static const garnet_option options[] = {
    {.type = GARNET_CHOICE,
     .name = "dialect",
     .def = "statsd",
     .choices = "statsd|dogstatsd",
     .help = "What the receiver reads: dogstatsd has tags, statsd has only the path.",
     .offset = GARNET_FIELD_INT(struct conf, dialect)},
    TEMPLATE_PATH(struct conf, path,
                  "The path's template; without it {host}.{prefix}.{name}.{tags}, or "
                  "{prefix}.{name} for dogstatsd, which has the tags beside it."),
    TEMPLATE_HOST(struct conf, host),
    {.type = GARNET_LIST,
     .name = "timers",
     .help = "Globs on the name: gauges that are sent as timers, in milliseconds.",
     .offset = GARNET_FIELD_LIST(struct conf, timers)},
    {.type = GARNET_LIST,
     .name = "sets",
     .help = "Globs on the name: gauges whose different values are counted.",
     .offset = GARNET_FIELD_LIST(struct conf, sets)},
};

/* What stands behind the value: a call of the host for each piece of it costs more than the piece. */
struct rest {
    size_t n;
    char s[1024];
};

struct state {
    struct template t;
    struct path path;
    struct rest rest;
    garnet_metric value; /* as it is written, which takes no more of it than is set in format() */
};

/* --- the value --- */

/* A counter that was not made a difference, or a rate, is sent as what it stands at. */
static const char *type_of(const struct conf *c, const garnet_metric *m)
{
    if (m->type == GARNET_COUNT)
        return "c";
    if (m->type == GARNET_GAUGE && globs_match(&c->timers, m->name))
        return "ms";
    if (m->type == GARNET_GAUGE && globs_match(&c->sets, m->name))
        return "s";
    return "g";
}

/* Its sign as it will be written: -0.0 has one, too. */
static bool negative(const garnet_metric *m)
{
    return m->vtype == GARNET_F64 ? signbit(m->v.f) != 0 : m->vtype == GARNET_I64 && m->v.i < 0;
}

static bool unit_is(const garnet_metric *m, const char *unit)
{
    return m->unit.n == strlen(unit) && memcmp(m->unit.s, unit, m->unit.n) == 0;
}

/* Divided where that is exact and a product is not. */
static void scale(garnet_metric *v, double times, double parts)
{
    double x = v->vtype == GARNET_F64   ? v->v.f
               : v->vtype == GARNET_U64 ? (double)v->v.u
                                        : (double)v->v.i;

    v->vtype = GARNET_F64;
    v->v.f = x * times / parts;
}

/* -0.0 is 0: to a set it would be another member, and to a timer a negative time. */
static void drop_sign_of_zero(garnet_metric *v)
{
    if (v->vtype == GARNET_F64 && v->v.f == 0)
        v->v.f = 0;
}

/* NULL, or why it is no timer. */
static const char *to_milliseconds(garnet_metric *v)
{
    if (negative(v))
        return "a timer cannot be negative";
    if (unit_is(v, "s"))
        scale(v, 1000, 1);
    else if (unit_is(v, "us") || unit_is(v, "\u00B5s") || unit_is(v, "\u03BCs"))
        scale(v, 1, 1000);
    else if (unit_is(v, "ns"))
        scale(v, 1, 1000000);
    else if (v->unit.n > 0 && !unit_is(v, "ms"))
        return "a timer's unit must be s, ms, us or ns";
    return v->vtype == GARNET_F64 && !isfinite(v->v.f) ? "it is too large in milliseconds" : NULL;
}

/* --- dogstatsd --- */

static bool tag_char(unsigned char c, bool in_key)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c >= 0x80 || (c != 0 && strchr("_-./", c) != NULL) || (c == ':' && !in_key);
}

static void put_rest(garnet *g, struct rest *r)
{
    g->host->put(g, r->s, r->n);
    r->n = 0;
}

static void add(garnet *g, struct rest *r, const char *s, size_t n)
{
    if (n > sizeof r->s - r->n)
        put_rest(g, r);
    if (n > sizeof r->s) {
        g->host->put(g, s, n);
        return;
    }
    memcpy(r->s + r->n, s, n);
    r->n += n;
}

/* What is no tag_char, and so of ASCII, becomes "_". */
static void add_clean(garnet *g, struct rest *r, garnet_str s, bool in_key)
{
    size_t from = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.s[i];

        if (tag_char(c, in_key))
            continue;
        add(g, r, s.s + from, i - from);
        add(g, r, "_", 1);
        from = i + 1;
    }
    add(g, r, s.s + from, s.n - from);
}

/* Those that are not in the path. */
static void add_tags(garnet *g, struct state *s, const garnet_metric *m)
{
    const char *before = "|#";

    for (uint32_t i = 0; i < m->ntags; i++) {
        if (template_takes(&s->t, m->tags[i].key))
            continue;
        add(g, &s->rest, before, strlen(before));
        add_clean(g, &s->rest, m->tags[i].key, true);
        add(g, &s->rest, ":", 1);
        add_clean(g, &s->rest, m->tags[i].val, false);
        before = ",";
    }
}

/* It looks no further than this to tell events and service checks from metrics. */
static bool other_message(const struct path *p)
{
    return (p->n >= 2 && memcmp(p->s, "_e", 2) == 0) || (p->n >= 3 && memcmp(p->s, "_sc", 3) == 0);
}

/* --- callbacks --- */

static const char *path_of(const struct conf *c)
{
    if (c->path != NULL)
        return c->path;
    return c->dialect == DOGSTATSD ? "{prefix}.{name}" : "{host}.{prefix}.{name}.{tags}";
}

static bool check_globs(garnet *g, const char *option, const garnet_list *globs)
{
    bool good = true;

    for (size_t i = 0; i < globs->n; i++) {
        const char *fault = glob_fault(globs->v[i].s);

        if (fault != NULL)
            g->host->bad(g, option, "\"%s\" %s", globs->v[i].s, fault);
        good = good && fault == NULL;
    }
    return good;
}

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    struct template t;
    const char *fault = template_parse(&t, path_of(c));
    bool good = check_globs(g, "timers", &c->timers);

    good = check_globs(g, "sets", &c->sets) && good;
    if (fault == NULL)
        return good ? GARNET_OK : GARNET_FATAL;
    g->host->bad(g, "path", "\"%s\" %s", path_of(c), fault);
    return GARNET_FATAL;
}

static int open_state(garnet *g)
{
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL)
        return g->host->fail(g, GARNET_RETRY, "no memory for %zu bytes", sizeof *s);
    (void)template_parse(&s->t, path_of(g->conf)); /* check() has let it pass */
    g->state = s;
    return GARNET_OK;
}

static void close_state(garnet *g)
{
    free(g->state);
}

static void put_line(garnet *g, const garnet_metric *m, const garnet_metric *value,
                     const char *type)
{
    const struct conf *c = g->conf;
    struct state *s = g->state;

    s->path.s[s->path.n] = ':';
    g->host->put(g, s->path.s, s->path.n + 1);
    g->host->putv(g, value);
    add(g, &s->rest, "|", 1);
    add(g, &s->rest, type, strlen(type));
    if (c->dialect == DOGSTATSD)
        add_tags(g, s, m);
    add(g, &s->rest, "\n", 1);
    put_rest(g, &s->rest);
}

static int format(garnet *g, const garnet_metric *m)
{
    static const garnet_metric zero = {.size = sizeof zero, .vtype = GARNET_I64};
    const struct conf *c = g->conf;
    struct state *s = g->state;
    const char *type = type_of(c, m);
    const char *fault = template_write(&s->path, &s->t, m, (enum host_style)c->host);

    s->value.size = sizeof s->value;
    s->value.vtype = m->vtype;
    s->value.unit = m->unit;
    s->value.v = m->v;
    if (*type != 'g')
        drop_sign_of_zero(&s->value);
    if (fault == NULL && *type == 'm')
        fault = to_milliseconds(&s->value);
    if (fault == NULL && c->dialect == DOGSTATSD && other_message(&s->path))
        fault = "dogstatsd takes a path that begins with _e or _sc for an event or a check";
    if (fault != NULL)
        return g->host->fail(g, GARNET_SKIP, "%s", fault);
    if (*type == 'g' && negative(m))
        put_line(g, m, &zero, type);
    put_line(g, m, &s->value, type);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "statsd", .version = "1.0",
              .about =
                  "StatsD and DogStatsD: statsd, statsite, brubeck, Telegraf, the Datadog agent.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_UNTIMED,
              .counters = GARNET_COUNTERS_DELTA, .check = check, .open = open_state,
              .close = close_state, .format = format);
