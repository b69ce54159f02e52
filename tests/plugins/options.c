/* An option of every type; format() writes them all. check() refuses `text: bad`, and blames
 * `number` too. */
#include <garnet/plugin.h>
#include <string.h>

struct conf {
    const char *text, *path;
    int64_t choice, number, yes, age, room;
    double real;
    garnet_list list;
    garnet_map map;
};

#define ROW(t, n, kind, ...)                                                                       \
    {                                                                                              \
        .type = GARNET_##t, .name = #n, .help = "One.",                                            \
        .offset = GARNET_FIELD_##kind(struct conf, n), __VA_ARGS__                                 \
    }
static const garnet_option options[] = {
    ROW(STRING, text, STR, .def = "t"),
    ROW(PATH, path, STR),
    ROW(CHOICE, choice, INT, .def = "b", .choices = "a|b|c"),
    ROW(INT, number, INT, .def = "7", .min = "1", .max = "10"),
    ROW(BOOL, yes, INT, .def = "true"),
    ROW(DURATION, age, INT, .def = "10ms"),
    ROW(SIZE, room, INT, .def = "64KiB"),
    ROW(REAL, real, REAL, .def = "0.25"),
    ROW(LIST, list, LIST, .def = "one"),
    ROW(MAP, map, MAP),
};

static int check(garnet *g)
{
    const struct conf *c = g->conf;

    if (strcmp(c->text, "moody") == 0)
        return g->host->fail(g, GARNET_FATAL, "not today");
    if (strcmp(c->text, "bad") != 0)
        return GARNET_OK;
    g->host->bad(g, "text", "\"%s\" is a bad word", c->text);
    g->host->bad(g, "number", "goes badly with it");
    g->host->bad(g, NULL, "all in all");
    g->host->bad(g, "nosuch", "is not there");
    return GARNET_FATAL;
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *c = g->conf;

    (void)m;
    g->host->putf(g, "%s %s %d %d %d %lld %lld %g", c->text, c->path ? c->path : "-",
                  (int)c->choice, (int)c->number, (int)c->yes, (long long)c->age,
                  (long long)c->room, c->real);
    for (size_t i = 0; i < c->list.n; i++)
        g->host->putf(g, " %s/%zu", c->list.v[i].s, c->list.v[i].n);
    for (size_t i = 0; i < c->map.n; i++)
        g->host->putf(g, " %s=%s", c->map.v[i].key.s, c->map.v[i].val.s);
    g->host->putf(g, " %s %s\n", g->sink, g->hostname);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "options", .version = "1", .about = "All option types.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .check = check,
              .format = format);
