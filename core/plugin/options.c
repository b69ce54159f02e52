/* plugin/options.c - option rows of the ABI -> rows of conf/option.h
 *
 * Nothing in a row is believed: each name, type, bound and offset is looked at before it is used.
 */
#include "plugin/options.h"

#include "base/text.h"
#include "conf/sink.h"

/* The size of a row in version 1.0: what every plugin's rows have at least. */
static const size_t SIZE_1_0 =
    offsetof(garnet_option, offset) + sizeof(((garnet_option *)0)->offset);

/* How the names of such keys begin that every sink gets after 1.0: no plugin has one of those already. */
static const char LATER[] = "sink_";

enum { ROWS_MAX = 256, CONF_MAX = 1 << 20, STRIDE_MAX = 64 << 10, NAME_MAX_BYTES = 32 };

/* The public numbers are conf's own. */
_Static_assert((int)GARNET_STRING == (int)OPT_STRING && (int)GARNET_CHOICE == (int)OPT_CHOICE &&
                   (int)GARNET_INT == (int)OPT_INT && (int)GARNET_REAL == (int)OPT_REAL &&
                   (int)GARNET_BOOL == (int)OPT_BOOL && (int)GARNET_DURATION == (int)OPT_DURATION &&
                   (int)GARNET_SIZE == (int)OPT_SIZE && (int)GARNET_PATH == (int)OPT_PATH &&
                   (int)GARNET_LIST == (int)OPT_LIST && (int)GARNET_MAP == (int)OPT_MAP &&
                   (int)GARNET_REQUIRED == (int)OPT_REQUIRED &&
                   (int)GARNET_SECRET == (int)OPT_SECRET,
               "option types differ");

enum { /* GARNET_FIELD_*, as small numbers */
       KIND_STR = GARNET_STR_ / GARNET_ABOVE_,
       KIND_REAL = GARNET_REAL_ / GARNET_ABOVE_,
       KIND_INT = GARNET_INT_ / GARNET_ABOVE_,
       KIND_LIST = GARNET_LIST_ / GARNET_ABOVE_,
       KIND_MAP = GARNET_MAP_ / GARNET_ABOVE_
};
static const struct {
    const char *name;
    size_t kind; /* of GARNET_FIELD_* */
} types[] = {
    [GARNET_STRING] = {"STRING", KIND_STR}, [GARNET_CHOICE] = {"CHOICE", KIND_INT},
    [GARNET_INT] = {"INT", KIND_INT},       [GARNET_REAL] = {"REAL", KIND_REAL},
    [GARNET_BOOL] = {"BOOL", KIND_INT},     [GARNET_DURATION] = {"DURATION", KIND_INT},
    [GARNET_SIZE] = {"SIZE", KIND_INT},     [GARNET_PATH] = {"PATH", KIND_STR},
    [GARNET_LIST] = {"LIST", KIND_LIST},    [GARNET_MAP] = {"MAP", KIND_MAP},
};
static const struct {
    const char *name;
    size_t size;
} kinds[] = {
    [0] = {"no GARNET_FIELD_*", 0},
    [KIND_STR] = {"GARNET_FIELD_STR", sizeof(const char *)},
    [KIND_REAL] = {"GARNET_FIELD_REAL", sizeof(double)},
    [KIND_INT] = {"GARNET_FIELD_INT", sizeof(int64_t)},
    [KIND_LIST] = {"GARNET_FIELD_LIST", sizeof(garnet_list)},
    [KIND_MAP] = {"GARNET_FIELD_MAP", sizeof(garnet_map)},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

size_t plugin_option_size(uint32_t type)
{
    return kinds[types[type].kind].size;
}

/* Among its first n rows. */
static bool has_row(const struct plugin_options *o, size_t n, const char *name)
{
    return section_find(&(struct section){.rows = o->rows, .n = n}, name) != NULL;
}

static bool check_option_name(const struct plugin_options *o, size_t row, const char *name,
                              struct why *why)
{
    if (name == NULL || !text_is_name(name, NAME_MAX_BYTES))
        return why_set(why,
                       "option row %zu has the name \"%s\": it must be [a-z][a-z0-9_]*, at most %d",
                       row, name != NULL ? name : "", NAME_MAX_BYTES);
    if (section_find(&sink_section, name) != NULL)
        return why_set(why, "its option %s has the name of a key that every sink has", name);
    if (strncmp(name, LATER, strlen(LATER)) == 0)
        return why_set(why, "its option %s begins with %s, which is kept for keys of every sink",
                       name, LATER);
    if (has_row(o, row, name))
        return why_set(why, "it has two options %s", name);
    return true;
}

static bool check_kind(const struct option *o, struct why *why)
{
    if (o->type < GARNET_STRING || o->type > GARNET_MAP)
        return why_set(why, "its option %s has type %u, which ABI 1.%d does not have", o->name,
                       o->type, GARNET_ABI_MINOR);
    if ((o->flags & ~(uint32_t)(GARNET_REQUIRED | GARNET_SECRET)) != 0)
        return why_set(why, "its option %s has flags 0x%x, which ABI 1.%d does not have", o->name,
                       o->flags, GARNET_ABI_MINOR);
    if (o->help == NULL || *o->help == 0)
        return why_set(why, "its option %s has no help", o->name);
    if ((o->type == GARNET_CHOICE) != (o->choices != NULL && *o->choices != 0))
        return why_set(why, "its option %s %s choices", o->name,
                       o->type == GARNET_CHOICE ? "has no" : "is no CHOICE but has");
    if (o->type == GARNET_MAP && o->def != NULL)
        return why_set(why, "its option %s has a default, which a MAP cannot have", o->name);
    if ((o->flags & GARNET_REQUIRED) != 0 && o->def != NULL)
        return why_set(why, "its option %s is REQUIRED, and has a default that is never used",
                       o->name);
    return true;
}

/* The row before `row` whose field has a byte in common with it, or NULL. */
static const struct option *shares(const struct plugin_options *o, size_t row, size_t offset,
                                   size_t size)
{
    for (size_t i = 0; i < row; i++)
        if (offset < o->offsets[i] + plugin_option_size(o->rows[i].type) &&
            o->offsets[i] < offset + size)
            return &o->rows[i];
    return NULL;
}

static bool check_field(const struct plugin_options *all, size_t row, struct why *why)
{
    const struct option *o = &all->rows[row], *other;
    size_t kind = o->offset / GARNET_ABOVE_, offset = o->offset % GARNET_ABOVE_;
    size_t size = plugin_option_size(o->type), conf = all->def->conf_size,
           wanted = types[o->type].kind;

    if (kind != wanted)
        return why_set(why, "its option %s is of type %s, whose .offset is a %s: found %s", o->name,
                       types[o->type].name, kinds[wanted].name,
                       kind < KINDS ? kinds[kind].name : "another number");
    if (offset > conf || size > conf - offset || offset % sizeof(void *) != 0)
        return why_set(why,
                       "its option %s lies at offset %zu, outside its conf struct of %zu bytes",
                       o->name, offset, conf);
    if ((other = shares(all, row, offset, size)) != NULL)
        return why_set(why, "its options %s and %s lie in the same field", other->name, o->name);
    return true;
}

static bool check_bound(const struct option *o, const char *what, const char *text,
                        union option_number *to, struct why *why)
{
    bool number = o->type == GARNET_INT || o->type == GARNET_DURATION || o->type == GARNET_SIZE ||
                  o->type == GARNET_REAL;

    if (text == NULL)
        return true;
    if (!number)
        return why_set(why, "its option %s: a %s takes no %s", o->name, types[o->type].name, what);
    return option_number(o->type, text, to, why) ||
           why_set(why, "its option %s, %s \"%s\": %s", o->name, what, text, why->text);
}

static bool check_bounds(const struct option *o, struct why *why)
{
    union option_number min = {0}, max = {0};

    if (!check_bound(o, "min", o->min, &min, why) || !check_bound(o, "max", o->max, &max, why))
        return false;
    if (o->min == NULL || o->max == NULL ||
        (o->type == GARNET_REAL ? min.real <= max.real : min.whole <= max.whole))
        return true;
    return why_set(why, "its option %s: its min, %s, is above its max, %s", o->name, o->min,
                   o->max);
}

/* As if a user had written it. */
static bool read_default(struct arena *a, const struct option *o, const char *text,
                         union option_slot *to, struct why *why)
{
    struct node v = {.kind = NODE_SCALAR, .text = text};
    struct option row = *o;
    struct errors e = {0};
    bool ok;

    row.offset = 0;
    option_value(a, &row, &v, to, &e);
    ok = e.n == 0;
    if (!ok)
        (void)why_set(why, "its default is wrong: %.*s", (int)(e.text.n > 0 ? e.text.n - 1 : 0),
                      e.text.n > 0 ? e.text.p : "");
    errors_free(&e);
    return ok;
}

static bool check_default(struct arena *a, const struct option *o, struct why *why)
{
    union option_slot scratch;

    return o->def == NULL || read_default(a, o, o->def, &scratch, why);
}

bool plugin_options_default(struct arena *a, const char *key, const char *text, int64_t *to,
                            struct why *why)
{
    union option_slot slot = {.i = -1};
    bool ok = text == NULL || read_default(a, section_find(&sink_section, key), text, &slot, why);

    *to = slot.i;
    return ok;
}

/* Row i by the plugin's stride, as far as both sides know it. */
static garnet_option take_row(const garnet_plugin *def, size_t i)
{
    garnet_option o = {0};
    const char *at = (const char *)def->options + i * def->option_size;

    memcpy(&o, at, def->option_size < sizeof o ? def->option_size : sizeof o);
    return o;
}

static bool read_row(struct plugin_options *all, size_t i, struct arena *a, struct why *why)
{
    garnet_option o = take_row(all->def, i);
    struct option *row = &all->rows[i];

    *row = (struct option){.type = o.type,
                           .flags = o.flags,
                           .name = o.name,
                           .def = o.def,
                           .min = o.min,
                           .max = o.max,
                           .choices = o.choices,
                           .help = o.help,
                           .offset = o.offset};
    all->offsets[i] = o.offset % GARNET_ABOVE_;
    if (!check_option_name(all, i, o.name, why) || !check_kind(row, why) ||
        !check_field(all, i, why) || !check_bounds(row, why) || !check_default(a, row, why))
        return false;
    row->offset = i * sizeof(union option_slot);
    return true;
}

static bool is_secret_text(const struct option *o)
{
    return o->type == GARNET_STRING && (o->flags & GARNET_SECRET) != 0;
}

/* The key by which row i comes from a file, if it is a secret. */
static bool add_file_row(struct plugin_options *all, size_t i, struct arena *a, struct why *why)
{
    const struct option *secret = &all->rows[i];
    struct option *row = &all->rows[all->n];

    if (!is_secret_text(secret))
        return true;
    *row = (struct option){
        .type = OPT_PATH,
        .name = arena_printf(a, "%s_file", secret->name),
        .help =
            arena_printf(a, "A file that holds %s, in place of the option itself.", secret->name),
        .offset = all->n * sizeof(union option_slot)};
    if (!arena_ok(a))
        return why_set(why, "there is no memory for its options");
    if (has_row(all, all->def->noptions, row->name) ||
        section_find(&sink_section, row->name) != NULL)
        return why_set(why,
                       "its option %s is a secret, which may come from a file by the key %s: "
                       "nothing else may have that name",
                       secret->name, row->name);
    all->offsets[all->n++] = i;
    return true;
}

bool plugin_options_read(struct plugin_options *o, struct arena *a, const garnet_plugin *d,
                         struct why *why)
{
    *o = (struct plugin_options){.def = d};
    if (d->noptions == 0)
        return true;
    if (d->options == NULL || d->noptions > ROWS_MAX || d->conf_size > CONF_MAX ||
        d->option_size < SIZE_1_0 || d->option_size > STRIDE_MAX ||
        d->option_size % sizeof(void *) != 0)
        return why_set(
            why,
            "its options cannot be read: %u rows of %u bytes for a struct of %zu; wanted "
            "at most %d rows of at least %zu bytes (GARNET_OPTIONS fills this in)",
            d->noptions, d->option_size, d->conf_size, ROWS_MAX, SIZE_1_0);
    o->rows = arena_alloc(a, 2UL * d->noptions * sizeof *o->rows);
    o->offsets = arena_alloc(a, 2UL * d->noptions * sizeof *o->offsets);
    if (o->rows == NULL || o->offsets == NULL)
        return why_set(why, "there is no memory for its options");
    for (size_t i = 0; i < d->noptions; i++)
        if (!read_row(o, i, a, why))
            return false;
    o->n = d->noptions;
    for (size_t i = 0; i < d->noptions; i++)
        if (!add_file_row(o, i, a, why))
            return false;
    return true;
}

bool plugin_options_have(const struct plugin_options *o, const char *name)
{
    return has_row(o, o->n, name) || section_find(&sink_section, name) != NULL;
}

const struct node *plugin_options_node(const struct plugin_options *o, const struct node *map,
                                       const char *name)
{
    const struct node *v = node_get(map, name);

    for (size_t i = o->def->noptions; v == NULL && i < o->n; i++)
        if (strcmp(o->rows[o->offsets[i]].name, name) == 0)
            v = node_get(map, o->rows[i].name);
    return v;
}
