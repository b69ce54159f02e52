/* hello.c - a Garnet plugin: each metric becomes one line, "NAME VALUE SECONDS" */
#include <garnet/plugin.h>

struct conf {
    const char *before;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .name = "before",
     .def = "",
     .help = "Text before each name.",
     .offset = GARNET_FIELD_STR(struct conf, before)},
};

static void put_name(garnet *g, garnet_str s) /* where a space would begin the next field */
{
    for (size_t i = 0; i < s.n; i++)
        g->host->put(g, s.s[i] == ' ' ? "_" : &s.s[i], 1);
}

static int format(garnet *g, const garnet_metric *m)
{
    const struct conf *conf = g->conf;
    const garnet_host *h = g->host;

    h->putf(g, "%s", conf->before);
    put_name(g, m->prefix); /* of its collector; the name comes without it */
    if (m->prefix.n > 0)
        h->put(g, ".", 1);
    put_name(g, m->name);
    h->put(g, " ", 1);
    h->putv(g, m);
    h->putf(g, " %lld\n", (long long)(m->time_ns / 1000000000));
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "hello", .version = "1", .about = "One line a metric: NAME VALUE SECONDS.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .lines = 1, .format = format);
