/* conf/yaml.h - YAML text -> tree; every node keeps its line and column
 *
 * The only file that includes libyaml. The subset a person needs: scalars, lists, maps. Refused,
 * with the reason: duplicate keys, keys that are not scalars, anchors and aliases, tags, a second
 * document, control characters, nesting deeper than 16, more than 10000 values, files over 1 MiB.
 * After a syntax error there is no tree (libyaml cannot go on), but one error with its place.
 */
#pragma once
#include "base/arena.h"
#include "conf/errors.h"

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_BAD /* reported already: pass by silently */
};

struct node {
    enum node_kind kind;
    struct pos at;
    const char *key; /* in a map: this entry's key, else NULL */
    struct pos key_at;
    const char *text;          /* scalar: its value; NUL-terminated, no NUL inside */
    bool plain;                /* scalar: not quoted (an empty plain scalar is null) */
    struct node *first, *next; /* children of a list or map, in file order */
    unsigned n;
};

/* Parses one document. NULL after an error, and for an empty file a map without entries.
 * Duplicate keys and the like are reported in `e` and leave a usable tree, so that further
 * errors are found too. */
struct node *yaml_parse(struct arena *a, const char *file, struct str text, struct errors *e);
struct node *yaml_empty(struct arena *a, const char *file); /* a map without entries */
/* Over the values of a list, or over one alone, which stands for a list of it; NULL: none. */
static inline const struct node *node_first(const struct node *list)
{
    return list != NULL && list->kind == NODE_LIST ? list->first : list;
}
static inline const struct node *node_next(const struct node *list, const struct node *v)
{
    return v != list ? v->next : NULL;
}
struct node *node_get(const struct node *map, const char *key); /* NULL when not there */
bool node_is_null(const struct node *n); /* plain and empty, ~ or null: a key without a value */
