/* conf/section.h - a map of keys by its rows, into a struct
 *
 * Every error is reported with its place, and filling goes on with the next key. A section in it
 * (OPT_SECTION) fills the struct at its row's field.
 */
#pragma once
#include "conf/option.h"

struct section {
    const struct option *rows;
    size_t n;
    const char *what;           /* for messages: "a sink", "limits", "plugin graphite" */
    bool open;                  /* keys that are in no row are somebody else's (a sink's plugin) */
    const struct section *also; /* or NULL: its keys are known, and not read here */
};

/* A row whose key and struct field have one name; one whose key has another. */
#define KEY(s, field, t, sentence, ...) ROW(s, #field, field, t, sentence, __VA_ARGS__)
#define ROW(s, key, field, t, sentence, ...)                                                       \
    {                                                                                              \
        .type = (t), .name = (key), .offset = offsetof(s, field), .help = (sentence), __VA_ARGS__  \
    }
#define ROWS(all) .rows = (all), .n = sizeof(all) / sizeof *(all)

/* Fills *dst from `map` (NULL: defaults only). An unknown key is an error that names the nearest known
 * one. */
void section_fill(struct arena *a, const struct section *s, const struct node *map, void *dst,
                  struct errors *e);
const struct option *section_find(const struct section *s, const char *name); /* or NULL */

/* --- digests: one number for all that a collector's or a sink's behaviour depends on ---
 *
 * A reload leaves alone whatever has the same digest as before. Pure; they cannot fail. */

/* Every row as it was filled, defaults and all, so a new key is in it by itself; but for those that
 * are OPT_ASIDE: they alter nothing, or what they lead to is mixed in instead. */
uint64_t digest_section(uint64_t h, const struct section *s, const void *filled);
/* For keys whose rows are elsewhere (a plugin's). */
uint64_t digest_node(uint64_t h, const struct node *n);
uint64_t digest_number(uint64_t h, uint64_t n); /* h and one more thing */
uint64_t digest_text(uint64_t h, const char *s);
uint64_t digest_pairs(uint64_t h,
                      const struct pairs *p); /* without regard to their order, like maps */
