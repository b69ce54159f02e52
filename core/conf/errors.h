/* conf/errors.h - every error and warning of a configuration, in one go, each with its place
 *
 * "FILE:LINE:COLUMN: what is wrong, and what would be right", one a line. Line and column count
 * from 1, columns in bytes; line 0 means the file as a whole and is printed as "FILE: ...".
 *
 * An error is of the text, which stays wrong until somebody mends it, or of the world (a command, a
 * user, a folder that is not there, or not safe), which may be another in a while. And it costs all,
 * or stands apart: then it costs one collector's file or one sink, and the rest can be used.
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
    unsigned apart;      /* of n */
    unsigned world;      /* of n - apart */
    struct buf warnings; /* likewise: what is odd and does not keep anything from being used */
    unsigned nwarnings;
};

void errors_add(struct errors *e, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void errors_world(struct errors *e, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void errors_warn(struct errors *e, struct pos at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines of the world that have their places already. */
void errors_world_lines(struct errors *e, struct str lines);
/* All of `part`, which stays as it is; `apart`: its errors cost nothing but what it is about. */
void errors_join(struct errors *e, const struct errors *part, bool apart);
static inline bool errors_fatal(const struct errors *e)
{
    return e->n > e->apart;
}
/* Of those that cost all. */
static inline bool errors_only_world(const struct errors *e)
{
    return e->world == e->n - e->apart;
}
void errors_free(struct errors *e);
