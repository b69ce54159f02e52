/* cli/plugin.h - `garnet plugin describe|preview|test`: for who writes or sets up a plugin */
#ifndef CLI_PLUGIN_H
#define CLI_PLUGIN_H
#include "base/arena.h"

extern const char PLUGIN_HELP[];

int plugin_main(int argc, char *const argv[]);

/* The three; argv[0] is the subcommand. They return an exit status (base/log.h). */
int describe_main(int argc, char *const argv[]);
int preview_main(int argc, char *const argv[]);
int test_main(int argc, char *const argv[]);

/* "garnet plugin: WHAT", the usage, and EXIT_USAGE. */
int plugin_usage(const char *what, const char *about);
/* NAME in the plugin folder, or a file: what holds a slash or ends in .so. */
const char *plugin_file_of(struct arena *a, const char *name);

#endif
