/* cli/plugin_preview.h - `garnet plugin preview`: the bytes that each sink would send */
#pragma once

/* Of the n sinks with these names, or for 0 of all; metrics come on standard input. Returns an exit status
 * (base/exit.h). */
int plugin_preview(const char *config, char *const names[], int n);
