/* cli/plugin_describe.h - `garnet plugin describe`: what a plugin says of itself, as text or JSON */
#pragma once
#include <stdbool.h>

/* On standard output. Returns an exit status (base/exit.h). */
int plugin_describe(const char *file, bool json);
