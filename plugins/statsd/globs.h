/* globs.h - names by pattern: the options `timers` and `sets`
 *
 * The same patterns as a sink's `only` and `drop`: * ? [a-z] [!a-z] \x, over the whole name.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

/* NULL, or what is wrong with a pattern, as the end of a sentence. */
const char *glob_fault(const char *pattern);
/* Does one of them match? */
bool globs_match(const garnet_list *globs, garnet_str name);
