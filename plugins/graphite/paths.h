/* paths.h - other paths for chosen names: a pattern of names, and the template for what fits it
 *
 * In a pattern `*` stands for any text, dots too, and as little of it as will do; {1} of the template is what the first one stands
 * for. Of several patterns that fit, the one with the most other characters counts, whatever their order in the file is.
 * Fails for what is wrong in the configuration, and for want of memory.
 */
#pragma once
#include "common/template.h"

enum { PATHS_MOST = 1000 };

struct paths {
    struct mapping *v; /* the most particular one first */
    size_t n;
};

/* NULL, or what is wrong with this one, as the end of a sentence about it. `t` is for nothing but this. */
const char *paths_check(const garnet_tag *row, bool escape, struct template *t);
/* Of a map that has been checked. False: no memory. */
bool paths_open(struct paths *p, garnet_map map, bool escape);
void paths_close(struct paths *p);
/* The template for this name, with the text of its stars; NULL: none fits. */
struct template *paths_find(const struct paths *p, garnet_str name);
