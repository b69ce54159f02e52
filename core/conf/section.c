/* conf/section.c - defaults first, then what is written, key by key in the file's order
 *
 * So a value that is wrong leaves the default. Dies of nothing: without memory a field stays as it
 * was and the arena says so.
 */
#include "conf/section.h"

#include <xxhash.h>

#include "conf/nearest.h"

static void fill_defaults(struct arena *a, const struct section *s, const char *file, void *dst,
                          struct errors *e)
{
    struct node v = {.kind = NODE_SCALAR, .at.file = file};

    for (size_t i = 0; i < s->n; i++) {
        const struct option *row = &s->rows[i];

        if (row->type == OPT_SECTION)
            fill_defaults(a, row->section, file, (char *)dst + row->offset, e);
        else if ((v.text = row->def) != NULL)
            option_value(a, row, &v, dst, e);
    }
}

static void check_required(const struct section *s, const struct node *map, struct errors *e)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *row = &s->rows[i];
        const struct node *v = node_get(map, row->name);

        if ((row->flags & OPT_REQUIRED) == 0)
            continue;
        if (v == NULL)
            errors_add(e, map->at, "%s needs \"%s\"", s->what, row->name);
        else if ((row->type == OPT_LIST && v->kind == NODE_LIST && v->n == 0) ||
                 (row->type == OPT_MAP && v->kind == NODE_MAP && v->n == 0))
            errors_add(e, v->at, "%s must not be empty", row->name);
    }
}

static void unknown_key(const struct section *s, const struct node *entry, struct errors *e)
{
    struct nearest near = nearest_to(entry->key);
    struct buf known = {0};

    for (; s != NULL; s = s->also)
        for (size_t i = 0; i < s->n; i++) {
            nearest_try(&near, s->rows[i].name);
            buf_putf(&known, "%s%s", known.n > 0 ? ", " : "", s->rows[i].name);
        }
    buf_putc(&known, 0);
    if (near.found != NULL)
        errors_add(e, entry->key_at, "unknown key \"%s\": did you mean \"%s\"?", entry->key,
                   near.found);
    else
        errors_add(e, entry->key_at, "unknown key \"%s\": known are %s", entry->key,
                   buf_ok(&known) ? known.p : "others");
    buf_free(&known);
}

static void fill_keys(struct arena *a, const struct section *s, const struct node *map, void *dst,
                      struct errors *e);

/* A section in another, or the one value that stands for it. */
static void fill_inner(struct arena *a, const struct option *row, const struct node *v, void *dst,
                       struct errors *e)
{
    void *field = (char *)dst + row->offset;

    if ((row->flags & OPT_SHORT) != 0 && v->kind == NODE_SCALAR) {
        struct option first = row->section->rows[0];

        first.name = row->name;
        option_value(a, &first, v, field, e);
    } else if (option_given(row, v, e)) {
        fill_keys(a, row->section, v, field, e);
    }
}

static void fill_keys(struct arena *a, const struct section *s, const struct node *map, void *dst,
                      struct errors *e)
{
    const struct option *row;

    if (map->kind != NODE_MAP) {
        errors_add(e, map->at, "%s must be a map of \"key: value\", not %s", s->what,
                   option_kind(map->kind));
        return;
    }
    check_required(s, map, e);
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        if ((row = section_find(s, v->key)) != NULL && row->type == OPT_SECTION)
            fill_inner(a, row, v, dst, e);
        else if (row != NULL)
            option_value(a, row, v, dst, e);
        else if (!s->open && v->kind != NODE_BAD &&
                 (s->also == NULL || section_find(s->also, v->key) == NULL))
            unknown_key(s, v, e);
    }
}

void section_fill(struct arena *a, const struct section *s, const struct node *map, void *dst,
                  struct errors *e)
{
    fill_defaults(a, s, map != NULL ? map->at.file : NULL, dst, e);
    if (map != NULL && map->kind != NODE_BAD)
        fill_keys(a, s, map, dst, e);
}

const struct option *section_find(const struct section *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->rows[i].name, name) == 0)
            return &s->rows[i];
    return NULL;
}

/* --- digests: XXH3 over a number and the next thing, again and again ---
 *
 * Each kind of thing has a seed of its own, so that none passes for another. What has no order is
 * added up. */

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
