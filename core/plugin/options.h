/* plugin/options.h - a plugin's option rows, as the configuration has its own
 *
 * To its rows come ours: for each SECRET STRING called NAME a key NAME_file, by which it comes from a file.
 *
 * Every row is checked when it is read, its default included, so that a plugin author hears of a
 * mistake at once and a user never. Everything lives in the arena handed in.
 */
#pragma once
#include "base/why.h"
#include "conf/conf.h"
#include "garnet/plugin.h"

union option_slot { /* the widest thing that conf fills */
    const char *s;
    int64_t i;
    double f;
    struct strings list;
    struct pairs map;
};
struct plugin_options {
    const garnet_plugin *def;
    struct option *rows; /* the plugin's, then ours; offsets are into a table of slots */
    size_t n;            /* of both; the first def->noptions are the plugin's */
    size_t *offsets;     /* in the plugin's conf struct; of ours: the row whose secret it is */
};

/* False: `why` is a clause about the plugin, "its option x has no help". `def` must stay. */
bool plugin_options_read(struct plugin_options *o, struct arena *a, const garnet_plugin *def,
                         struct why *why);
/* The plugin's own default for a key of every sink, a number, as a user would write it; NULL: *to is -1. */
bool plugin_options_default(struct arena *a, const char *key, const char *text, int64_t *to,
                            struct why *why);
/* Whether it is one of them, or of those that every sink has. */
bool plugin_options_have(const struct plugin_options *o, const char *name);
/* Where the user has set it, itself or by a file; NULL: nowhere. */
const struct node *plugin_options_node(const struct plugin_options *o, const struct node *map,
                                       const char *name);
size_t plugin_option_size(uint32_t type); /* of the plugin's field; GARNET_STRING ... */
