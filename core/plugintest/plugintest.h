/* plugintest/plugintest.h - `garnet plugin test`: what is wrong with a plugin, a check a line
 *
 * The lines go to standard output. Nothing that the plugin does ends this process.
 */
#pragma once
#include <stddef.h>

/* `options` are "KEY=VALUE"; `golden` is a folder of cases, or NULL. 0: all is well; EXIT_CONFIG:
 * something is wrong; EXIT_WORLD: there can be no children, and that is on standard error. */
int plugintest_run(const char *file, char *const options[], size_t noptions, const char *golden);
