/* conf/nearest.h - the known name that a misspelt one most likely meant
 *
 *     struct nearest n = nearest_to("intervall");
 *     nearest_try(&n, "interval"), ...       each known name
 *     n.found                                the nearest; NULL when none is near enough
 */
#pragma once
#include <stddef.h>

struct nearest {
    const char *name, *found;
    size_t bound; /* what is found next must have fewer differences */
};

struct nearest nearest_to(const char *name);
void nearest_try(struct nearest *n, const char *known);
