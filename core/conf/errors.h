/* conf/errors.h - every error and warning of a configuration, in one go, each with its place
 *
 * "FILE:LINE:COLUMN: what is wrong, and what would be right", one a line. Line and column count
 * from 1, columns in bytes; line 0 means the file as a whole and is printed as "FILE: ...".
 */
#pragma once
#include "base/buf.h"

struct pos {
    const char *file; /* borrowed from the snapshot or the tree's arena */
    uint32_t line, col;
};

struct errors {
    struct buf text; /* the lines; complete unless !buf_ok() */
    unsigned n;
    struct buf warnings; /* likewise: what is odd and does not keep anything from being used */
    unsigned nwarnings;
};

void errors_add(struct errors *e, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void errors_warn(struct errors *e, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void errors_free(struct errors *e);
