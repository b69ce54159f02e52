/* live/line.c - writing and reading the lines
 *
 * The bytes between are the host's, which hands them over as they were put: what cannot be read back is
 * a mistake of this file, and is left out.
 */
#include "line.h"

#include <stdlib.h>
#include <string.h>

static const char *type_name(const garnet_metric *m)
{
    switch (m->type) {
    case GARNET_COUNTER:
        return "counter";
    case GARNET_RATE:
        return "rate";
    case GARNET_COUNT:
        return "count";
    case GARNET_TIMESTAMP:
        return "timestamp";
    default:
        return "gauge";
    }
}

static void put_field(garnet *g, garnet_str s)
{
    g->host->put(g, "\t", 1);
    g->host->put(g, s.s, s.n);
}

void line_put(garnet *g, const garnet_metric *m)
{
    const garnet_host *h = g->host;

    h->putf(g, "%lld\t", (long long)m->time_ns);
    h->putv(g, m);
    h->putf(g, "\t%s", type_name(m));
    put_field(g, m->unit);
    put_field(g, m->prefix);
    if (m->prefix.n > 0)
        h->put(g, ".", 1);
    h->put(g, m->name.s, m->name.n);
    for (uint32_t i = 0; i < m->ntags; i++) {
        put_field(g, m->tags[i].key);
        put_field(g, m->tags[i].val);
    }
    h->put(g, "\n", 1);
}

/* Down, also before 1970. */
static int64_t to_ms(int64_t ns)
{
    return ns / 1000000 - (ns % 1000000 < 0);
}

bool line_take(const char **s, size_t *n, struct line *line)
{
    const char *at = *s, *end = memchr(at, '\n', *n);
    char *after;

    if (end == NULL)
        return false;
    *s = end + 1;
    *n -= (size_t)(end + 1 - at);
    line->time_ms = to_ms(strtoll(at, &after, 10));
    if (after == at || *after != '\t')
        return false;
    at = after + 1;
    line->value = strtod(at, &after);
    if (after == at || *after != '\t')
        return false;
    line->key = (garnet_str){after + 1, (size_t)(end - after - 1)};
    return true;
}

bool line_field(garnet_str *key, garnet_str *field)
{
    const char *end;

    if (key->s == NULL)
        return false;
    end = memchr(key->s, '\t', key->n);
    *field = (garnet_str){key->s, end != NULL ? (size_t)(end - key->s) : key->n};
    *key = end != NULL ? (garnet_str){end + 1, key->n - field->n - 1} : (garnet_str){NULL, 0};
    return true;
}
