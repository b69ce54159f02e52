/* conf/place.h - where in a text something stands: line and column, both from 1
 *
 * libyaml counts columns in characters; editors and compilers, and so Garnet, in bytes. Lines end
 * as libyaml has it. Pure; cannot fail.
 */
#ifndef CONF_PLACE_H
#define CONF_PLACE_H
#include "conf/errors.h"

struct places {
    const char *file;
    struct str text;
    /* the place found last, where looking for the next begins: most are further on */
    size_t line, line_start, column, byte;
};

/* `line` and `column`, in characters, count from 0. */
struct pos place_find(struct places *p, size_t line, size_t column);
char place_char(const struct places *p); /* what stands at the place found last; 0 at the end */
struct pos place_of_byte(const struct places *p, size_t offset);

#endif
