/* conf/digest.c - XXH3 over a number and the next thing, again and again
 *
 * Each kind of thing has a seed of its own, so that none passes for another. What has no order is
 * added up.
 */
#include "conf/digest.h"

#include <xxhash.h>

enum { SEED_TEXT = 1, SEED_NULL, SEED_LIST, SEED_MAP };

uint64_t digest_number(uint64_t h, uint64_t n)
{
    uint64_t both[2] = {h, n};

    return XXH3_64bits(both, sizeof both);
}

uint64_t digest_text(uint64_t h, const char *s)
{
    return digest_number(h, s != NULL ? XXH3_64bits_withSeed(s, strlen(s), SEED_TEXT) : SEED_NULL);
}

uint64_t digest_pairs(uint64_t h, const struct pairs *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->n; i++)
        sum += digest_text(digest_text(SEED_MAP, p->v[i].key), p->v[i].val);
    return digest_number(h, sum);
}

static uint64_t digest_strings(uint64_t h, const struct strings *list)
{
    for (size_t i = 0; i < list->n; i++)
        h = digest_text(h, list->v[i]);
    return digest_number(h, list->n);
}

uint64_t digest_node(uint64_t h, const struct node *n)
{
    uint64_t of = SEED_LIST, sum = 0;

    if (n == NULL || n->kind == NODE_BAD || node_is_null(n))
        return digest_number(h, SEED_NULL);
    if (n->kind == NODE_SCALAR)
        return digest_text(h, n->text);
    for (const struct node *v = n->first; v != NULL; v = v->next)
        if (n->kind == NODE_LIST)
            of = digest_node(of, v);
        else
            sum += digest_text(digest_node(SEED_MAP, v), v->key);
    return digest_number(digest_number(h, n->kind), n->kind == NODE_LIST ? of : sum);
}

static uint64_t digest_field(uint64_t h, const struct option *row, const void *field)
{
    uint64_t number;

    switch ((enum option_type)row->type) {
    case OPT_STRING:
    case OPT_PATH:
        return digest_text(h, *(const char *const *)field);
    case OPT_CHOICE:
    case OPT_INT:
    case OPT_REAL: /* its bits */
    case OPT_BOOL:
    case OPT_DURATION:
    case OPT_SIZE:
        memcpy(&number, field, sizeof number);
        return digest_number(h, number);
    case OPT_LIST:
    case OPT_PATHS:
        return digest_strings(h, field);
    case OPT_MAP:
        return digest_pairs(h, field);
    case OPT_NODE:
        return digest_node(h, *(const struct node *const *)field);
    case OPT_SECTION:
        return digest_section(h, row->section, field);
    }
    return h;
}

uint64_t digest_section(uint64_t h, const struct section *s, const void *filled)
{
    for (size_t i = 0; i < s->n; i++)
        if ((s->rows[i].flags & OPT_ASIDE) == 0)
            h = digest_field(h, &s->rows[i], (const char *)filled + s->rows[i].offset);
    return h;
}
