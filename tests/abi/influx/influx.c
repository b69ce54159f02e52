/* influx.c - InfluxDB's line protocol, as a third party would write it
 *
 *   NAME,KEY=VALUE,... value=NUMBER NANOSECONDS
 *
 * Names escape comma and space, tags equals signs too, by a backslash. A backslash of the text's own
 * would escape what follows it, and cannot be escaped itself: it becomes "_". Empty tags and
 * numbers above 2^63-1 (influx has no unsigned ones by default) have no form.
 */
#include <garnet/plugin.h>
#include <string.h>

struct conf {
    const char *field;
    int64_t integers;
    garnet_list without;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .name = "field",
     .def = "value",
     .help = "The name of the field.",
     .offset = GARNET_FIELD_STR(struct conf, field)},
    {.type = GARNET_BOOL,
     .name = "integers",
     .def = "true",
     .help = "Write whole numbers as integers (42i) rather than floats.",
     .offset = GARNET_FIELD_INT(struct conf, integers)},
    {.type = GARNET_LIST,
     .name = "without",
     .help = "Tags to leave out.",
     .offset = GARNET_FIELD_LIST(struct conf, without)},
};

static int check(garnet *g)
{
    const struct conf *conf = g->conf;

    if (conf->field[strcspn(conf->field, ", =\\\n")] != 0 || *conf->field == 0)
        g->host->bad(g, "field", "\"%s\" may not be empty or hold , = \\ or blanks", conf->field);
    return GARNET_OK;
}

static void put_escaped(garnet *g, garnet_str s, const char *special)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr(special, s.s[i]) != NULL)
            g->host->put(g, "\\", 1);
        g->host->put(g, s.s[i] == '\\' ? "_" : &s.s[i], 1);
    }
}

static int left_out(const struct conf *conf, garnet_str key)
{
    for (size_t i = 0; i < conf->without.n; i++)
        if (strcmp(conf->without.v[i].s, key.s) == 0)
            return 1;
    return 0;
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *conf = g->conf;

    if (m->name.s[0] == '#')
        return g->host->fail(g, GARNET_SKIP, "a line that begins with # is a comment");
    put_escaped(g, m->name, ", ");
    for (uint32_t i = 0; i < m->ntags; i++) {
        const garnet_tag *t = &m->tags[i];

        if (t->val.n == 0 || left_out(conf, t->key))
            continue;
        g->host->put(g, ",", 1);
        put_escaped(g, t->key, ", =");
        g->host->put(g, "=", 1);
        put_escaped(g, t->val, ", =");
    }
    g->host->putf(g, " %s=", conf->field);
    g->host->putv(g, m);
    g->host->putf(g, "%s %lld\n", m->vtype == GARNET_I64 && conf->integers ? "i" : "",
                  (long long)m->time_ns);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "influx", .version = "1.2", .about = "InfluxDB's line protocol.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .vtypes = GARNET_I64 | GARNET_F64, .lines = 1, .check = check, .format = format);
