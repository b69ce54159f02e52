/* A formatter that does what the metric's name says, framed by a header and a trailer. */
#include <garnet/plugin.h>
#include <string.h>

static int begin(garnet *g)
{
    g->host->put(g, "<00>", 4);
    return GARNET_OK;
}

static int end(garnet *g)
{
    g->host->patch(g, 1, "99", 2);
    g->host->put(g, "</>", 3);
    return GARNET_OK;
}

static int format(garnet *g, const garnet_metric *m)
{
    const char *s = m->name.s;

    g->host->put(g, s, m->name.n);
    if (strcmp(s, "skip") == 0)
        return g->host->fail(g, GARNET_SKIP, "it asked for it");
    if (strcmp(s, "reject") == 0)
        return GARNET_REJECT;
    if (strcmp(s, "fatal") == 0)
        return g->host->fail(g, GARNET_FATAL, "enough");
    if (strcmp(s, "answer") == 0)
        return 77;
    if (strcmp(s, "retry") == 0)
        return GARNET_RETRY;
    if (strcmp(s, "patch") == 0)
        g->host->patch(g, g->host->tell(g), "x", 1);
    if (strcmp(s, "bad") == 0)
        g->host->bad(g, NULL, "not here");
    if (strcmp(s, "twolines") == 0)
        g->host->put(g, "\n", 1);
    for (int i = 0; i < 4096 && strcmp(s, "long") == 0; i++)
        g->host->put(g, "long", 4);
    if (strcmp(s, "open") == 0)
        return GARNET_OK;
    g->host->put(g, "=", 1);
    g->host->putv(g, m);
    g->host->putf(g, "%s", "\n");
    return GARNET_OK;
}

#ifdef UNTIMED
enum { FLAGS = GARNET_UNTIMED };
#elif defined ORDERED
enum { FLAGS = GARNET_ORDERED };
#else
enum { FLAGS = 0 };
#endif
#ifdef FEW
#define BATCHES .batch_metrics = 3, .flush = "5s", .batch_size = "512",
#else
#define BATCHES
#endif

GARNET_PLUGIN(.name = "format", .version = "1", .about = "Does as it is told.", .lines = 1,
              .flags = FLAGS, .vtypes = GARNET_I64 | GARNET_F64, BATCHES.begin = begin,
              .format = format, .end = end);
