/* plugin/options.h - a plugin's option rows, as the configuration has its own, and its conf struct
 *
 * Every row is checked when it is read, its default included, so that a plugin author hears of a
 * mistake at once and a user never. Everything lives in the arena handed in.
 */
#pragma once
#include "base/why.h"
#include "conf/conf.h"
#include "garnet/plugin.h"

struct plugin_options {
    const garnet_plugin *def;
    struct option *rows; /* def->noptions of them; offsets are into a table of slots */
    size_t *offsets;     /* where each goes in the plugin's conf struct */
};

/* False: `why` is a clause about the plugin, "its option x has no help". `def` must stay. */
bool plugin_options_read(struct plugin_options *o, struct arena *a, const garnet_plugin *def,
                         struct why *why);
/* The plugin's own default for a key of every sink, a number, as a user would write it; NULL: *to is -1. */
bool plugin_options_default(struct arena *a, const char *key, const char *text, int64_t *to,
                            struct why *why);
/* Whether it is one of them, or of those that every sink has. */
bool plugin_options_have(const struct plugin_options *o, const char *name);
/* The plugin's conf struct by what the sink's map says; NULL without options. Errors go to `e`; want of
 * memory sticks in the arena. */
void *plugin_options_fill(const struct plugin_options *o, struct arena *a,
                          const struct conf_sink *sink, struct errors *e);
