/* conf/digest.h - one number for all that a collector's or a sink's behaviour depends on
 *
 * A reload leaves alone whatever has the same digest as before. digest_section() takes every row of
 * a section as it was filled, defaults and all, so a new key is in it by itself. Left out are rows
 * that are OPT_ASIDE: they alter nothing, or what they lead to is mixed in instead. digest_node() is
 * for keys whose rows are elsewhere (a plugin's). Maps count without regard to order, so that moving
 * lines about changes nothing. Pure; cannot fail.
 */
#ifndef CONF_DIGEST_H
#define CONF_DIGEST_H
#include "conf/section.h"

uint64_t digest_number(uint64_t h, uint64_t n); /* h and one more thing */
uint64_t digest_text(uint64_t h, const char *s);
uint64_t digest_pairs(uint64_t h, const struct pairs *p);
uint64_t digest_section(uint64_t h, const struct section *s, const void *filled);
uint64_t digest_node(uint64_t h, const struct node *n);

#endif
