/* cli/plugin.h - `garnet plugin describe|preview|test`: for who writes or sets up a plugin */
#pragma once

extern const char PLUGIN_HELP[]; /* of all three */

/* argv[0] is "plugin". EXIT_USAGE where there is no such subcommand, else as the subcommand does. */
int plugin_main(int argc, char *const argv[]);
