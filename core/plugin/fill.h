/* plugin/fill.h - a plugin's conf struct by what its sink's map says, its secrets by the files that they are in */
#pragma once
#include "plugin/options.h"

/* The plugin's conf struct; NULL without options. Errors go to `e`; want of memory sticks in the arena. */
void *plugin_fill(const struct plugin_options *o, struct arena *a, const struct conf_sink *sink,
                  struct errors *e);
