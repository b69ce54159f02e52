/* frozen.c - a plugin for the header of ABI 1.0, as C and as C++, that must load for ever
 *
 * Shows all that a formatter sees: its options in begin(), every member of a metric in format(), and
 * in end() that tell() and patch() work: the first eight bytes of a batch are its length. Its
 * golden cases fail when any member is not where the 1.0 header had it.
 */
#include <string.h>

#include "plugin-1.0.h"

#ifndef __cplusplus
#define nullptr NULL
#endif

struct conf {
    const char *text, *path;
    int64_t choice, number, yes, time, bytes;
    double real;
    garnet_list list;
    garnet_map map;
};

#define ROW(type, flags, name, def, min, max, choices, kind)                                       \
    {                                                                                              \
        type, flags, #name, def, min, max, choices, "One of each.",                                \
            GARNET_FIELD_##kind(struct conf, name)                                                 \
    }

static const garnet_option options[] = {
    ROW(GARNET_STRING, GARNET_REQUIRED, text, nullptr, nullptr, nullptr, nullptr, STR),
    ROW(GARNET_PATH, 0, path, "/etc", nullptr, nullptr, nullptr, STR),
    ROW(GARNET_CHOICE, 0, choice, "two", nullptr, nullptr, "one|two", INT),
    ROW(GARNET_INT, 0, number, "-5", "-10", "10", nullptr, INT),
    ROW(GARNET_BOOL, GARNET_SECRET, yes, "yes", nullptr, nullptr, nullptr, INT),
    ROW(GARNET_DURATION, 0, time, "10ms", "1ms", "1h", nullptr, INT),
    ROW(GARNET_SIZE, 0, bytes, "64KiB", "1", "1GiB", nullptr, INT),
    ROW(GARNET_REAL, 0, real, "0.5", "0", "1", nullptr, REAL),
    ROW(GARNET_LIST, 0, list, "a", nullptr, nullptr, nullptr, LIST),
    ROW(GARNET_MAP, 0, map, nullptr, nullptr, nullptr, nullptr, MAP),
};

static const garnet_stat stats[] = {
    {GARNET_COUNTER, 0, "opened", "Event", "Times that it was opened."},
    {GARNET_GAUGE, 0, "below", nullptr, "Always -1."},
};

static int check(garnet *g)
{
    const struct conf *c = (const struct conf *)g->conf;

    if (strcmp(c->text, "bad") == 0)
        g->host->bad(g, "text", "may not be \"%s\"", c->text);
    return GARNET_OK;
}

static int open_(garnet *g)
{
    static int mine;

    g->state = &mine;
    g->host->log(g, GARNET_INFO, "sink %s opens", g->sink);
    g->host->measure(g, 0, 1);
    g->host->measure(g, 1, -1);
    return GARNET_OK;
}

static void close_(garnet *g)
{
    g->state = nullptr;
}

static int begin(garnet *g)
{
    const struct conf *c = (const struct conf *)g->conf;
    const garnet_host *h = g->host;

    h->put(g, "00000000", 8);
    h->putf(g, " host %s text %s path %s", g->hostname, c->text, c->path);
    h->putf(g, " choice %d number %d yes %d", (int)c->choice, (int)c->number, (int)c->yes);
    h->putf(g, " time %d bytes %d real %g list", (int)c->time, (int)c->bytes, c->real);
    for (size_t i = 0; i < c->list.n; i++)
        h->putf(g, " %s/%zu", c->list.v[i].s, c->list.v[i].n);
    h->put(g, " map", 4);
    for (size_t i = 0; i < c->map.n; i++)
        h->putf(g, " %s:%s", c->map.v[i].key.s, c->map.v[i].val.s);
    h->put(g, "\n", 1);
    return GARNET_OK;
}

static void put_text(garnet *g, garnet_str s)
{
    for (size_t i = 0; i < s.n; i++)
        g->host->put(g, strchr(" =:\\", s.s[i]) != NULL ? "_" : &s.s[i], 1);
    g->host->put(g, " ", 1);
}

static void put_tags(garnet *g, const char *what, const garnet_tag *v, uint32_t n)
{
    g->host->putf(g, "%s %u ", what, n);
    for (uint32_t i = 0; i < n; i++) {
        put_text(g, v[i].key);
        put_text(g, v[i].val);
    }
}

static int format(garnet *g, const garnet_metric *m)
{
    const garnet_host *h = g->host;

    if (m->name.n == 4 && memcmp(m->name.s, "skip", 4) == 0)
        return h->fail(g, GARNET_SKIP, "asked to");
    put_text(g, m->name);
    h->putf(g, "type %u vtype %u flags %u time %lld every %lld value ", m->type, m->vtype, m->flags,
            (long long)m->time_ns, (long long)m->interval_ns);
    h->putv(g, m);
    h->put(g, " ", 1);
    put_text(g, m->unit);
    put_text(g, m->collector);
    put_text(g, m->prefix);
    put_tags(g, "tags", m->tags, m->ntags);
    put_tags(g, "meta", m->meta, m->nmeta);
    h->put(g, "end\n", 4);
    return GARNET_OK;
}

static int end(garnet *g)
{
    char length[9] = "00000000";
    size_t n = g->host->tell(g);

    for (int i = 7; i >= 0; i--, n /= 10)
        length[i] = (char)('0' + n % 10);
    g->host->patch(g, 0, length, 8);
    g->host->put(g, "end\n", 4);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "frozen", .version = "1.0", .about = "Must load for ever.",
              .options = options, .noptions = sizeof options / sizeof *options,
              .option_size = sizeof *options, .conf_size = sizeof(struct conf),
              .flags = GARNET_IDEMPOTENT, .hints = 0,
              .vtypes = GARNET_I64 | GARNET_U64 | GARNET_F64, .lines = 1,
              .counters = GARNET_COUNTERS_RAW, .batch_metrics = 100000, .flush = "2s",
              .batch_size = "32KiB", .check = check, .open = open_, .close = close_, .begin = begin,
              .format = format, .end = end, GARNET_STATS(stats));
