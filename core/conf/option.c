/* conf/option.c - one function a type: a node in, a field out
 *
 * Or an error at the node's place, and the field is left as it was, which is its default. Fields are
 * written through memcpy: the row says where they lie. Dies of nothing: without memory a field stays
 * as it was and the arena says so.
 */
#include "conf/option.h"

#include <stdio.h>

#include "base/number.h"
#include "conf/path.h"

/* What filling one value needs to know. */
struct fill {
    struct arena *a;
    const struct option *row;
    void *field;
    struct errors *e;
};

static const char *const EXPECTED[] = {
    [OPT_STRING] = "a string",
    [OPT_CHOICE] = "a word",
    [OPT_INT] = "a whole number such as \"10\"",
    [OPT_REAL] = "a number such as \"0.5\"",
    [OPT_BOOL] = "true or false",
    [OPT_DURATION] = "a duration such as \"10s\"",
    [OPT_SIZE] = "a size such as \"64KiB\"",
    [OPT_PATH] = "a path",
    [OPT_LIST] = "a list of strings",
    [OPT_MAP] = "a map such as {key: value}",
    [OPT_PATHS] = "a list of paths",
    [OPT_NODE] = "a value",
    [OPT_SECTION] = "a map",
};

const char *option_kind(enum node_kind k)
{
    return k == NODE_LIST ? "a list" : k == NODE_MAP ? "a map" : "a single value";
}

/* The user's text for a message; a secret stays one. */
static const char *shown(const struct option *row, const char *text)
{
    return row->flags & OPT_SECRET ? "(hidden)" : text;
}

static void bad_value(const struct fill *f, const struct node *v, const char *why)
{
    errors_add(f->e, v->at, "%s: \"%s\" %s", f->row->name, shown(f->row, v->text), why);
}

/* --- numbers --- */

bool option_number(uint32_t type, const char *text, union option_number *n, struct why *why)
{
    switch (type) {
    case OPT_INT:
        return units_int(text, &n->whole, why);
    case OPT_BOOL:
        return units_bool(text, &n->whole, why);
    case OPT_DURATION:
        return units_duration(text, &n->whole, why);
    case OPT_SIZE:
        return units_size(text, &n->whole, why);
    default:
        return units_real(text, &n->real, why);
    }
}

static bool below(const struct option *row, const union option_number *a,
                  const union option_number *b)
{
    return row->type == OPT_REAL ? a->real < b->real : a->whole < b->whole;
}

static void out_of_bounds(const struct fill *f, const struct node *v, const char *how,
                          const char *bound)
{
    errors_add(f->e, v->at, "%s: \"%s\" is %s value, %s", f->row->name, shown(f->row, v->text), how,
               bound);
}

static void fill_number(const struct fill *f, const struct node *v)
{
    const struct option *row = f->row;
    union option_number n, bound;
    struct why why;

    if (!option_number(row->type, v->text, &n, &why))
        bad_value(f, v, why.text);
    else if (row->min != NULL && option_number(row->type, row->min, &bound, &why) &&
             below(row, &n, &bound))
        out_of_bounds(f, v, "below the least", row->min);
    else if (row->max != NULL && option_number(row->type, row->max, &bound, &why) &&
             below(row, &bound, &n))
        out_of_bounds(f, v, "above the greatest", row->max);
    else
        memcpy(f->field, &n, sizeof n);
}

/* --- words --- */

/* "a|b|c" -> "a, b or c" */
static void put_choices(struct buf *b, const char *choices)
{
    const char *last = strrchr(choices, '|');

    for (; *choices; choices++)
        if (*choices != '|')
            buf_putc(b, *choices);
        else
            buf_puts(b, choices == last ? " or " : ", ");
    buf_putc(b, 0);
}

static void fill_choice(const struct fill *f, const struct node *v)
{
    const char *text = v->text, *c = f->row->choices;
    struct buf known = {0};
    size_t len;

    for (int64_t i = 0;; i++, c += len + 1) {
        len = strcspn(c, "|");
        if (strlen(text) == len && strncmp(text, c, len) == 0) {
            memcpy(f->field, &i, sizeof i);
            return;
        }
        if (!c[len])
            break;
    }
    put_choices(&known, f->row->choices);
    errors_add(f->e, v->at, "%s: \"%s\" is not known: use %s", f->row->name, shown(f->row, text),
               buf_ok(&known) ? known.p : f->row->choices);
    buf_free(&known);
}

/* "${HOST}" is nobody's name. False after an error. */
static bool no_variable(const struct fill *f, const struct node *v, const char *name)
{
    const char *at = f->row->flags & OPT_SHELL ? NULL : strstr(v->text, "${");
    const char *end = at != NULL ? strchr(at, '}') : NULL;

    if (end == NULL || end == at + 2)
        return true;
    if (f->row->flags & OPT_SECRET)
        errors_add(f->e, v->at,
                   "%s has a ${...} in it: variables are not replaced in this file, write the "
                   "value itself",
                   name);
    else
        errors_add(f->e, v->at,
                   "%s: \"%s\" has %.*s in it: variables are not replaced in this file, write the "
                   "value itself",
                   name, v->text, (int)(end - at) + 1, at);
    return false;
}

/* One string or path as a new string in the arena; NULL after an error or without memory. */
static const char *copy_text(const struct fill *f, const struct node *v)
{
    bool path = f->row->type == OPT_PATH || f->row->type == OPT_PATHS;

    if (!no_variable(f, v, f->row->name))
        return NULL;
    if (path && !*v->text) {
        bad_value(f, v, "is empty: give a path");
        return NULL;
    }
    return path ? path_from(f->a, v->at.file, v->text) : arena_strdup(f->a, v->text);
}

static void fill_text(const struct fill *f, const struct node *v)
{
    const char *s = copy_text(f, v);

    if (s != NULL)
        memcpy(f->field, &s, sizeof s);
}

/* --- lists, maps --- */

static bool item_ok(const struct fill *f, const struct node *item)
{
    if (item->kind == NODE_BAD)
        return false;
    if (item->kind != NODE_SCALAR)
        errors_add(f->e, item->at, "%s must be %s, not of %ss", f->row->name,
                   EXPECTED[f->row->type], option_kind(item->kind) + 2);
    else if (node_is_null(item))
        errors_add(f->e, item->at, "%s has an empty item: give it a value or remove it",
                   f->row->name);
    else
        return true;
    return false;
}

static void fill_list(const struct fill *f, const struct node *v)
{
    struct strings list = {NULL, 0};
    const char **s = arena_alloc(f->a, (v->n + 2) * sizeof *s);
    bool ok = true;

    if (s == NULL)
        return;
    for (const struct node *item = node_first(v); item != NULL; item = node_next(v, item))
        if (!item_ok(f, item) || (s[list.n++] = copy_text(f, item)) == NULL)
            ok = false;
    list.v = s;
    if (ok)
        memcpy(f->field, &list, sizeof list);
}

static bool entry_ok(const struct fill *f, const struct node *entry)
{
    const char *name = f->row->name, *whole = arena_printf(f->a, "%s.%s", name, entry->key);

    if (entry->kind == NODE_BAD)
        return false;
    if (node_is_null(entry))
        errors_add(f->e, entry->key_at, "%s.%s has no value: give one or remove the key", name,
                   entry->key);
    else if (entry->kind != NODE_SCALAR)
        errors_add(f->e, entry->at, "%s.%s must be a single value, not %s", name, entry->key,
                   option_kind(entry->kind));
    else
        return whole != NULL && no_variable(f, entry, whole);
    return false;
}

static void fill_map(const struct fill *f, const struct node *v)
{
    struct pairs map = {NULL, 0};
    struct pair *p = arena_alloc(f->a, (v->n + 1) * sizeof *p);
    bool ok = true;

    if (p == NULL)
        return;
    for (const struct node *entry = v->first; entry != NULL; entry = entry->next) {
        if (!entry_ok(f, entry)) {
            ok = false;
            continue;
        }
        p[map.n] = (struct pair){arena_strdup(f->a, entry->key), arena_strdup(f->a, entry->text),
                                 entry->at};
        ok = ok && p[map.n].key != NULL && p[map.n].val != NULL;
        map.n++;
    }
    map.v = p;
    if (ok)
        memcpy(f->field, &map, sizeof map);
}

/* --- one value --- */

static bool suits(uint32_t type, enum node_kind kind)
{
    if (type == OPT_LIST || type == OPT_PATHS)
        return kind != NODE_MAP;
    return type == OPT_NODE || kind == (type == OPT_MAP ? NODE_MAP : NODE_SCALAR);
}

/* Of a kind that suits. */
static void fill_value(const struct fill *f, const struct node *v)
{
    switch ((enum option_type)f->row->type) {
    case OPT_STRING:
    case OPT_PATH:
        fill_text(f, v);
        return;
    case OPT_CHOICE:
        fill_choice(f, v);
        return;
    case OPT_INT:
    case OPT_REAL:
    case OPT_BOOL:
    case OPT_DURATION:
    case OPT_SIZE:
        fill_number(f, v);
        return;
    case OPT_LIST:
    case OPT_PATHS:
        fill_list(f, v);
        return;
    case OPT_MAP:
        fill_map(f, v);
        return;
    case OPT_NODE:
        *(const struct node **)f->field = v;
        return;
    case OPT_SECTION: /* conf/section.h */
        return;
    }
}

bool option_given(const struct option *row, const struct node *v, struct errors *e)
{
    if (v->kind == NODE_BAD)
        return false;
    if (node_is_null(v))
        errors_add(e, v->key != NULL ? v->key_at : v->at,
                   "%s has no value: give one or remove the key", row->name);
    return !node_is_null(v);
}

void option_value(struct arena *a, const struct option *row, const struct node *v, void *dst,
                  struct errors *e)
{
    struct fill f = {a, row, (char *)dst + row->offset, e};

    if (!option_given(row, v, e))
        return;
    if (suits(row->type, v->kind))
        fill_value(&f, v);
    else
        errors_add(e, v->at, "%s must be %s, not %s", row->name, EXPECTED[row->type],
                   option_kind(v->kind));
}
