/* cli/plugin_describe.h - `garnet plugin describe`: what a plugin says of itself, as text or JSON */
#ifndef CLI_PLUGIN_DESCRIBE_H
#define CLI_PLUGIN_DESCRIBE_H
#include <stdbool.h>

/* On standard output. Returns an exit status (base/exit.h). */
int plugin_describe(const char *file, bool json);

#endif
