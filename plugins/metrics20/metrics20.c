/* metrics20 - a metric as one line of Metrics 2.0: its tags, value and time
 *
 * style carbon2:  key=value key=value  metakey=value VALUE SECONDS
 * style key:      key=value.key=value VALUE SECONDS
 * style key_is:   key_is_value.key_is_value VALUE SECONDS
 *
 * Which tags, and in what order, is decided in series.c; which characters, in clean.c; units, in
 * unit.c (README.md has the rules). A metric without a possible line is skipped with the reason;
 * nothing else can fail but memory, at open.
 */
#include <garnet/plugin.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/seconds.h"
#include "series.h"

enum { KEY_LINE_MOST = 4096, CARBON2_LINE_MOST = 65536 };
static const int64_t KEY_SECONDS_MOST = UINT32_MAX; /* whisper's 32 bits */

struct conf {
    const char *name_tag, *missing_unit;
    int64_t style, unlisted_unit, machine;
};

static const garnet_option options[] = {
    {.type = GARNET_CHOICE,
     .name = "style",
     .def = "carbon2",
     .choices = "carbon2|key|key_is",
     .help = "Tags and meta tags divided by two spaces, or one Graphite key of key=value or "
             "key_is_value nodes.",
     .offset = GARNET_FIELD_INT(struct conf, style)},
    {.type = GARNET_STRING,
     .name = "name_tag",
     .def = "what",
     .help = "The tag that holds the metric's name, unless the metric has this tag itself.",
     .offset = GARNET_FIELD_STR(struct conf, name_tag)},
    {.type = GARNET_STRING,
     .name = "missing_unit",
     .def = "unknown",
     .help = "What a metric without a unit gets: a unit, \"unknown\", \"\" (unitless; carbon2 "
             "only), or \"drop\", which skips the metric.",
     .offset = GARNET_FIELD_STR(struct conf, missing_unit)},
    {.type = GARNET_CHOICE,
     .name = "unlisted_unit",
     .def = "keep",
     .choices = "keep|missing|drop",
     .help = "What becomes of a unit that Metrics 2.0 does not list: it is kept, counts as "
             "missing, or the metric is skipped.",
     .offset = GARNET_FIELD_INT(struct conf, unlisted_unit)},
    {.type = GARNET_CHOICE,
     .name = "machine",
     .def = "host",
     .choices = "host|server",
     .help = "The tag of the machine: host, or server, as the spec had it before May 2016: for "
             "those who have such data.",
     .offset = GARNET_FIELD_INT(struct conf, machine)},
};

/* Put together here, since a call of the host for every tag costs more than the tag. */
struct line {
    size_t n;
    bool full;
    char s[CARBON2_LINE_MOST];
};

struct state {
    struct naming naming;
    uint64_t logged[UNIT_MISSING + 1]; /* metrics by unit_kind, of those not skipped */
    struct series series;
    struct line line;
    struct seconds seconds;
};

/* --- options --- */

static const char *name_tag_fault(const char *s)
{
    static const char *const taken[] = {"unit", "mtype", "host", "server", "direction", "agent"};

    if (*s == 0 || s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")])
        return "must be one or more of A-Z a-z 0-9 _ -";
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(s, taken[i]) == 0)
            return "is a tag with a meaning of its own: use what, metric or another";
    return NULL;
}

static const char *missing_unit_fault(const char *s, int64_t style)
{
    struct unit u;
    size_t n = strlen(s);

    if (n == 0 && style != CARBON2)
        return "may be empty in style carbon2 only: in a key no value may be";
    if (n == 0 || strcmp(s, "unknown") == 0 || strcmp(s, "drop") == 0)
        return NULL;
    if (n <= UNIT_MOST)
        unit_read(&u, (garnet_str){s, n});
    if (n > UNIT_MOST || !u.listed)
        return "is not a unit of Metrics 2.0: use one (B, ms, %, req ...), unknown, \"\" or drop";
    if (style != CARBON2 && unit_has_picoseconds(&u))
        return "ends in the picosecond, which a key cannot tell from \"/s\"";
    return NULL;
}

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    const char *name = name_tag_fault(c->name_tag);
    const char *unit = missing_unit_fault(c->missing_unit, c->style);

    if (name != NULL)
        g->host->bad(g, "name_tag", "\"%s\" %s", c->name_tag, name);
    if (unit != NULL)
        g->host->bad(g, "missing_unit", "\"%s\" %s", c->missing_unit, unit);
    return name == NULL && unit == NULL ? GARNET_OK : GARNET_FATAL;
}

static int open_state(garnet *g)
{
    const struct conf *c = g->conf;
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL)
        return g->host->fail(g, GARNET_RETRY, "no memory for %zu bytes", sizeof *s);
    s->naming = (struct naming){.style = (enum style)c->style,
                                .unlisted = (enum unlisted)c->unlisted_unit,
                                .machine = (enum machine)c->machine,
                                .name_tag = {c->name_tag, strlen(c->name_tag)},
                                .missing = {c->missing_unit, strlen(c->missing_unit)},
                                .missing_drops = strcmp(c->missing_unit, "drop") == 0};
    g->state = s;
    return GARNET_OK;
}

static void close_state(garnet *g)
{
    struct state *s = g->state;

    if (s->logged[UNIT_MISSING] + s->logged[UNIT_UNLISTED] > 0)
        g->host->log(g, GARNET_INFO,
                     "written since the start: %" PRIu64
                     " metrics that came without a unit, %" PRIu64
                     " with one that Metrics 2.0 does not list",
                     s->logged[UNIT_MISSING], s->logged[UNIT_UNLISTED]);
    free(s);
}

/* --- lines --- */

static char *put(char *at, const char *s, size_t n)
{
    memcpy(at, s, n);
    return at + n;
}

static void put_tags(struct line *l, const struct tags *t, const char *is, char between)
{
    size_t delimiter = strlen(is);

    for (size_t i = 0; i < t->n && !l->full; i++) {
        garnet_str key = t->v[i].key, val = t->v[i].val;
        char *at = l->s + l->n;

        l->full = key.n + val.n + delimiter + 2 > sizeof l->s - l->n;
        if (l->full)
            return;
        at = put(at, key.s, key.n);
        at = put(at, is, delimiter);
        at = put(at, val.s, val.n);
        *at++ = between;
        l->n = (size_t)(at - l->s);
    }
}

/* All that stands before the value. */
static void put_series(struct line *l, const struct series *s, enum style style)
{
    l->n = 0;
    l->full = false;
    if (style != CARBON2) {
        put_tags(l, &s->tags, style == KEY ? "=" : "_is_", '.');
        l->s[l->n - 1] = ' ';
    } else {
        put_tags(l, &s->tags, "=", ' ');
        l->s[l->n++] = ' '; /* the second of two, meta tags or none */
        put_tags(l, &s->meta, "=", ' ');
    }
}

/* The first of each kind is logged: who reads that can repair the collector. With missing_unit: ""
 * none is missing, it is unitless. */
static void count_unit(garnet *g, struct state *s, const garnet_metric *m)
{
    enum unit_kind kind = s->series.unit;

    if (kind == UNIT_LISTED || (kind == UNIT_MISSING && s->naming.missing.n == 0))
        return;
    if (s->logged[kind]++ > 0)
        return;
    if (kind == UNIT_MISSING)
        g->host->log(g, GARNET_WARN,
                     "metric \"%s\" has no unit, which Metrics 2.0 wants: see missing_unit "
                     "(more are counted, and logged at the end)",
                     m->name.s);
    else
        g->host->log(g, GARNET_WARN,
                     "metric \"%s\" has a unit that Metrics 2.0 does not list: see unlisted_unit "
                     "(more are counted, and logged at the end)",
                     m->name.s);
}

static int format(garnet *g, const garnet_metric *m)
{
    struct state *s = g->state;
    enum style style = s->naming.style;
    size_t most = style == CARBON2 ? CARBON2_LINE_MOST : KEY_LINE_MOST, start = g->host->tell(g);
    int64_t seconds = seconds_of(m);

    if (seconds < 1 || (style != CARBON2 && seconds > KEY_SECONDS_MOST))
        return g->host->fail(g, GARNET_SKIP, "its time is outside what its readers can store");
    if (!series_of(&s->series, &s->naming, m))
        return g->host->fail(g, GARNET_SKIP, "%s%s", s->series.fault, s->series.what);
    put_series(&s->line, &s->series, style);
    g->host->put(g, s->line.s, s->line.n);
    g->host->putv(g, m);
    put_seconds(g, &s->seconds, seconds);
    if (s->line.full || g->host->tell(g) - start > most)
        return g->host->fail(g, GARNET_SKIP, "its line would be longer than %zu bytes", most);
    count_unit(g, s, m);
    return GARNET_OK;
}

GARNET_PLUGIN(
        .name = "metrics20", .version = "1.0",
        .about =
            "Metrics 2.0: self-describing tags with unit and mtype, as Carbon 2.0 lines or keys.",
        GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
        .lines = 1, .check = check, .open = open_state, .close = close_state, .format = format);
