/* conf/parse.h - from a snapshot to a configuration, or a list of errors
 *
 * A pure function: it does no I/O and asks nobody. What it must know of the world it finds among the
 * snapshot's facts, and what is missing there it lists in `wanted`; conf/learn.h finds those out (it
 * blocks) and parsing starts again. Everything is read, checked and reported in one go; one broken
 * part never hides the others' errors.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H
#include "conf/conf.h"
#include "conf/snapshot.h"

/* NULL when out of memory; else a conf that is usable only if e->n == 0 and nothing is wanted. */
struct conf *conf_parse(const struct snapshot *s, struct errors *e);

#endif
