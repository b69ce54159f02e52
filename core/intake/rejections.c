/* intake/rejections.c - a ring of pointers, made with the first; dies of nothing */
#include "intake/rejections.h"

#include <stdlib.h>
#include <string.h>

struct kept_rejection {
    int64_t at;
    uint64_t line, byte;
    uint8_t nname, ntext;
    bool values;
    char bytes[]; /* the name, the text */
};

static struct kept_rejection *keep_rejection(const struct rejection *x)
{
    size_t nname = x->who.name.n < REJECTION_NAME ? x->who.name.n : REJECTION_NAME;
    size_t ntext = x->text.n < REJECTION_TEXT ? x->text.n : REJECTION_TEXT;
    struct kept_rejection *k = malloc(sizeof *k + nname + ntext);

    if (k == NULL)
        return NULL;
    k->at = x->at;
    k->line = x->line;
    k->byte = x->byte;
    k->nname = (uint8_t)nname;
    k->ntext = (uint8_t)ntext;
    k->values = x->who.values;
    if (nname > 0)
        memcpy(k->bytes, x->who.name.s, nname);
    if (ntext > 0)
        memcpy(k->bytes + nname, x->text.s, ntext);
    return k;
}

void rejections_add(struct rejections *r, const struct rejection *x)
{
    struct kept_rejection *k;

    r->all++;
    if (r->ring == NULL)
        r->ring = calloc(REJECTIONS, sizeof(struct kept_rejection *));
    k = r->ring != NULL ? keep_rejection(x) : NULL;
    if (k == NULL)
        return;
    free(r->ring[r->next]);
    r->ring[r->next] = k;
    r->next = (r->next + 1) % REJECTIONS;
    r->n += r->n < REJECTIONS;
}

bool rejections_get(const struct rejections *r, size_t i, struct rejection *out)
{
    const struct kept_rejection *k;

    if (i >= r->n)
        return false;
    k = r->ring[(r->next + REJECTIONS - 1 - i) % REJECTIONS];
    *out = (struct rejection){.at = k->at,
                              .line = k->line,
                              .byte = k->byte,
                              .who = {{k->bytes, k->nname}, k->values},
                              .text = {k->bytes + k->nname, k->ntext}};
    return true;
}

void rejections_free(struct rejections *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->ring[i]);
    free(r->ring);
    *r = (struct rejections){0};
}
