/* tests/rig/fill.h - a struct filled from YAML by the rows of a section, and the errors of it */
#pragma once
#include "conf/section.h"

extern struct arena fill_arena;
extern struct errors fill_errors; /* of all fillings since the start, or since fill_expect() */

void fill_start(void);
void fill_end(void);
/* `text` as the file /etc/f.yaml. */
void fill_from(const struct section *s, const char *text, void *dst);
/* These errors, and no others. */
void fill_expect(const struct section *s, const char *text, void *dst, const char *want);
