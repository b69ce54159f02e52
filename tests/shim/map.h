/* map.h - what a test and a preloaded shim share: a small file that both have mapped
 *
 * The test writes it at any time and the shim looks at it in every call, so nothing has to be
 * started again for another step of the clock or another fault. Forks share the mapping.
 */
#pragma once
#include <stddef.h>

/* The file that the environment names. NULL when it names none, or none that can be used: the shim
 * then does nothing. */
void *shim_map(const char *variable, size_t size);
