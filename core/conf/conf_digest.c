/* conf/conf_digest.c - one number for all that a sink's or a collector's behaviour depends on
 *
 * A reload leaves alone whatever has the same digest as before. Maps are digested without regard to
 * order, so that moving lines about changes nothing. Pure; cannot fail.
 */
#include <xxhash.h>

#include "conf/conf_parse.h"

enum { SEED_TEXT = 1, SEED_NULL, SEED_LIST, SEED_MAP, SEED_SINK, SEED_COLLECTOR };

static uint64_t mix(uint64_t h, uint64_t more)
{
    uint64_t both[2] = {h, more};

    return XXH3_64bits(both, sizeof both);
}

static uint64_t mix_text(uint64_t h, const char *s)
{
    return s ? mix(h, XXH3_64bits_withSeed(s, strlen(s), SEED_TEXT)) : mix(h, SEED_NULL);
}

static uint64_t digest_node(const struct node *n)
{
    uint64_t h = SEED_LIST, sum = 0;

    if (n->kind == NODE_BAD || node_is_null(n))
        return SEED_NULL;
    if (n->kind == NODE_SCALAR)
        return mix_text(0, n->text);
    for (const struct node *v = n->first; v; v = v->next)
        if (n->kind == NODE_LIST)
            h = mix(h, digest_node(v));
        else
            sum += mix_text(digest_node(v), v->key);
    return n->kind == NODE_LIST ? h : mix(SEED_MAP, sum);
}

static uint64_t mix_pairs(uint64_t h, const struct pairs *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n; i++)
        sum += mix_text(mix_text(SEED_MAP, p->v[i].key), p->v[i].val);
    return mix(h, sum);
}

/* Device, inode, size and modification time of what each run reads anew. Not in it: its mode, its
 * owner and when they were changed, which alter nothing of a run. */
static uint64_t mix_file(uint64_t h, const char *fact)
{
    enum { WORDS = 4 };
    const char *end = fact;

    for (int i = 0; end && i < WORDS; i++)
        end = (end = strchr(end, ' ')) ? end + 1 : NULL;
    return end ? mix(h, XXH3_64bits_withSeed(fact, (size_t)(end - fact), SEED_TEXT))
               : mix_text(h, fact);
}

static uint64_t mix_identity(uint64_t h, const struct conf_identity *id)
{
    h = mix(mix(h, id->uid), id->gid);
    for (size_t i = 0; i < id->ngroups; i++)
        h = mix(h, id->groups[i]);
    return mix(h, id->ngroups);
}

uint64_t conf_digest_sink(const struct conf *c, const struct conf_sink *s, const char *file_fact)
{
    uint64_t h = mix(SEED_SINK, digest_node(s->node));

    h = mix_text(h, s->plugin_file);
    h = mix_text(h, file_fact);
    h = mix_identity(h, &s->identity);
    h = mix_text(h, c->host);
    h = mix(h, (uint64_t)c->log_level); /* the worker's too */
    return mix_text(h, c->spool.dir);
}

/* Not in it: allow_writable, which alters no run. */
uint64_t conf_digest_collector(const struct conf *c, const struct conf_collector *k,
                               const char *file_fact)
{
    const struct conf_limits *l = &k->limits;
    const int64_t numbers[] = {
        k->enabled,      k->mode,          k->interval,    k->timeout,       k->grace,
        k->overlap,      k->splay,         k->silence,     k->nice,          k->no_new_privs,
        k->series_limit, k->metrics_limit, k->bytes_limit, l->cpu,           l->memory,
        l->files,        l->processes,     l->file_size,   k->cgroup.memory, k->cgroup.processes,
    };
    uint64_t h = mix(SEED_COLLECTOR, XXH3_64bits(numbers, sizeof numbers));

    h = mix_text(h, k->name);
    for (size_t i = 0; i < k->command.n; i++)
        h = mix_text(h, k->command.v[i]);
    h = mix(h, k->command.n);
    h = mix_identity(h, &k->identity);
    h = mix_text(h, k->cgroup.dir);
    h = mix_text(h, k->cwd);
    h = mix_pairs(h, &k->env);
    h = mix_text(h, k->prefix);
    h = mix_pairs(h, &k->tags);
    h = mix_file(h, file_fact);
    h = mix_pairs(h, &c->tags);
    return mix_text(h, c->host);
}
