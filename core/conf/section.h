/* conf/section.h - a map of keys by its rows, into a struct
 *
 * Every error is reported with its place, and filling goes on with the next key. A section in it
 * (OPT_SECTION) fills the struct at its row's field.
 */
#ifndef CONF_SECTION_H
#define CONF_SECTION_H
#include "conf/option.h"

struct section {
    const struct option *rows;
    size_t n;
    const char *what; /* for messages: "a sink", "limits", "plugin graphite" */
};

/* A row whose key and struct field have one name; one whose key has another. */
#define KEY(s, field, t, sentence, ...) ROW(s, #field, field, t, sentence, __VA_ARGS__)
#define ROW(s, key, field, t, sentence, ...)                                                       \
    {                                                                                              \
        .type = (t), .name = (key), .offset = offsetof(s, field), .help = (sentence), __VA_ARGS__  \
    }
#define ROWS(rows) (rows), sizeof(rows) / sizeof *(rows)

/* Fills *dst from `map` (NULL: defaults only). Keys found in `also` (may be NULL) are known but
 * skipped; with `open`, keys in neither are left to somebody else (a sink's plugin). Every other
 * unknown key is an error that names the nearest known one. */
void section_fill(struct arena *a, const struct section *s, const struct section *also, bool open,
                  const struct node *map, void *dst, struct errors *e);
const struct option *section_find(const struct section *s, const char *name); /* or NULL */

#endif
