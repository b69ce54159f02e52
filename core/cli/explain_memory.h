/* cli/explain_memory.h - what garnetd remembers of a metric (docs/control.md: explain), as people read it
 *
 * Its memory has bounds, so no line says that something never was: only how far back, and among how many, it is not.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* When its name came last, and from whom; else, with `near`, what the nearest name is. */
void show_remembered(FILE *to, const json_t *memory, bool near);
/* What was rejected of it. `missing`: also what may have been it, and where it was looked for in vain. */
void show_rejections(FILE *to, const json_t *memory, bool missing);
