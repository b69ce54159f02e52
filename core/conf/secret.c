/* conf/secret.c - a fact for each key; while it is not known there is none. Fails only for want of memory. */
#include "conf/secret.h"

#include "conf/conf.h"
#include "conf/facts.h"
#include "conf/path.h"
#include "conf/section.h"

static bool leads_to_one(const struct node *v, const struct section *known)
{
    return strlen(v->key) > strlen("_file") && path_ends(v->key, "_file") &&
           section_find(known, v->key) == NULL && v->kind == NODE_SCALAR && !node_is_null(v) &&
           *v->text != 0;
}

static void parse_secret(struct parsing *p, struct conf_sink *s, const struct node *v)
{
    const char *path = path_from(p->a, v->at.file, v->text), *text = NULL;
    struct conf_secret *one = arena_alloc(p->a, sizeof *one);
    enum fact state;

    if (path == NULL || one == NULL)
        return;
    state = fact_secret(p, s->identity.uid, path, &text);
    if (state == FACT_WANTED)
        return;
    *one = (struct conf_secret){.key = v->key,
                                .path = path,
                                .text = text,
                                .why = state == FACT_ERROR ? p->why : NULL,
                                .next = s->secrets};
    s->secrets = one;
}

void parse_secrets(struct parsing *p, struct conf_sink *s, const struct section *known)
{
    for (const struct node *v = s->node->first; v != NULL; v = v->next)
        if (leads_to_one(v, known))
            parse_secret(p, s, v);
}

const struct conf_secret *conf_secret_named(const struct conf_sink *s, const char *key)
{
    const struct conf_secret *one = s->secrets;

    while (one != NULL && strcmp(one->key, key) != 0)
        one = one->next;
    return one;
}

/* Their order is the file's, which is none. */
uint64_t digest_secrets(uint64_t h, const struct conf_sink *s)
{
    uint64_t sum = 0;

    for (const struct conf_secret *one = s->secrets; one != NULL; one = one->next)
        sum += digest_text(digest_text(0, one->key), one->text);
    return digest_number(h, sum);
}
