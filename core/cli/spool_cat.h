/* cli/spool_cat.h - `garnet spool cat`: every metric that is in a spool
 *
 * As it is at that moment, once through; `garnet tail` stays. What is gone is said, and is no error: it is `verify`
 * that judges.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct spool_cat {
    const char *dir;
    uint64_t from; /* the first number; 0: the oldest */
    bool json;
};

int spool_cat(const struct spool_cat *c); /* 0, or EXIT_WORLD */
