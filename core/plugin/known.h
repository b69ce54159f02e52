/* plugin/known.h - which kinds of values and types of metrics a plugin can know, by the minor number of its ABI
 *
 * A plugin never meets what the header that it was built with did not have. Pure; cannot fail.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct known {
    uint32_t vtypes; /* GARNET_I64 | ... */
    uint32_t types;  /* 1 << GARNET_GAUGE | ... */
};

uint32_t known_minor(uint32_t minor); /* the lower of a plugin's and this host's */
/* What this host and a plugin of ABI 1.`minor` both know. */
struct known known_to(uint32_t minor);
/* Likewise by a table that has a row for each minor from 0 on, the last being the host's own. */
struct known known_by(const struct known *minors, size_t n, uint32_t minor);
static inline bool known_same(const struct known *a, const struct known *b)
{
    return a->vtypes == b->vtypes && a->types == b->types;
}
