/* plugin/fill.c - what the map says goes into a table of slots first, one a row, and from there into the plugin's
 * struct, in the types of the public header, which conf does not know.
 */
#include "plugin/fill.h"

#include "conf/sink.h"

static garnet_str str_from(const char *s)
{
    return (garnet_str){s, strlen(s)};
}

static void copy_list(struct arena *a, const struct strings *from, void *field)
{
    garnet_str *v = arena_alloc(a, (from->n + 1) * sizeof *v);
    garnet_list list = {v, from->n};

    if (v == NULL)
        return;
    for (size_t i = 0; i < from->n; i++)
        v[i] = str_from(from->v[i]);
    memcpy(field, &list, sizeof list);
}

static void copy_map(struct arena *a, const struct pairs *from, void *field)
{
    garnet_tag *v = arena_alloc(a, (from->n + 1) * sizeof *v);
    garnet_map map = {v, from->n};

    if (v == NULL)
        return;
    for (size_t i = 0; i < from->n; i++)
        v[i] = (garnet_tag){str_from(from->v[i].key), str_from(from->v[i].val)};
    memcpy(field, &map, sizeof map);
}

static void copy_field(struct arena *a, uint32_t type, const union option_slot *from, void *field)
{
    if (type == GARNET_LIST)
        copy_list(a, &from->list, field);
    else if (type == GARNET_MAP)
        copy_map(a, &from->map, field);
    else
        memcpy(field, from, plugin_option_size(type));
}

/* The rows, but that what is given by a file is not required of the map. NULL: no memory. */
static struct option *rows_for(const struct plugin_options *o, struct arena *a,
                               const struct node *map)
{
    struct option *rows = arena_alloc(a, o->n * sizeof *rows);

    if (rows == NULL)
        return NULL;
    if (o->n > 0)
        memcpy(rows, o->rows, o->n * sizeof *rows);
    for (size_t i = o->def->noptions; i < o->n; i++)
        if (node_get(map, rows[i].name) != NULL)
            rows[o->offsets[i]].flags &= ~(uint32_t)OPT_REQUIRED;
    return rows;
}

/* By v, the value of the key `key`, which is a path. */
static void take_secret(const struct conf_sink *sink, const struct node *v, const char *name,
                        union option_slot *to, struct errors *e)
{
    const struct conf_secret *s = conf_secret_named(sink, v->key);

    if (node_get(sink->node, name) != NULL)
        errors_add(e, v->key_at, "%s and %s are both there: remove one of them", v->key, name);
    else if (s == NULL)
        errors_add(e, v->key_at, "%s is for garnet.yaml: here, give %s", v->key, name);
    else if (s->text == NULL)
        errors_world(e, v->at, "%s: \"%s\" %s", v->key, s->path, s->why);
    else
        to->s = s->text;
}

static void take_secrets(const struct plugin_options *o, const struct conf_sink *sink,
                         union option_slot *slots, struct errors *e)
{
    for (size_t i = o->def->noptions; i < o->n; i++) {
        const struct node *v = node_get(sink->node, o->rows[i].name);

        if (v != NULL && slots[i].s != NULL) /* a path: else an error says so */
            take_secret(sink, v, o->rows[o->offsets[i]].name, &slots[o->offsets[i]], e);
    }
}

void *plugin_fill(const struct plugin_options *o, struct arena *a, const struct conf_sink *sink,
                  struct errors *e)
{
    size_t n = o->def->noptions;
    union option_slot *slots = arena_alloc(a, o->n * sizeof *slots);
    const struct section set = {rows_for(o, a, sink->node), o->n,
                                arena_printf(a, "plugin %s", o->def->name), .also = &sink_section};
    void *conf = o->def->conf_size > 0 ? arena_alloc(a, o->def->conf_size) : NULL;
    unsigned before = e->n;

    if (!arena_ok(a))
        return NULL;
    section_fill(a, &set, sink->node, slots, e);
    take_secrets(o, sink, slots, e);
    for (size_t i = 0; conf != NULL && i < n && e->n == before && arena_ok(a); i++)
        copy_field(a, o->rows[i].type, &slots[i], (char *)conf + o->offsets[i]);
    return conf;
}
