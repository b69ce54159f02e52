/* cli/plugin_usage.h - what the subcommands of `garnet plugin` share: the help, and how a plugin is named */
#ifndef CLI_PLUGIN_USAGE_H
#define CLI_PLUGIN_USAGE_H
#include "base/arena.h"

extern const char PLUGIN_HELP[];

/* Prints "garnet plugin: WHAT ABOUT" and the help. Returns EXIT_USAGE. */
int plugin_usage(const char *what, const char *about);
/* The file of plugin `name`: itself where it holds a slash or ends in .so, else one in the plugin folder. NULL: no
 * memory. */
const char *plugin_file_of(struct arena *a, const char *name);

#endif
