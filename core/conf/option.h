/* conf/option.h - one row per key: it checks, defaults, fills a struct field and documents
 *
 * The same rows serve the core's own keys and, converted by sink/plugin, a plugin's. Everything
 * a user gets wrong is reported with its place, and filling goes on with the next key.
 *
 *   type      field            YAML
 *   STRING    const char *     scalar
 *   PATH      const char *     scalar; relative to the file it stands in, made absolute
 *   CHOICE    int64_t          one of `choices` ("skip|kill"), stored as its index
 *   INT       int64_t
 *   REAL      double
 *   BOOL      int64_t          0 or 1
 *   DURATION  int64_t          ns     (base/units.h)
 *   SIZE      int64_t          bytes  (base/units.h)
 *   LIST      struct strings   list of scalars, or one scalar for a list of one
 *   PATHS     struct strings   the same, each like PATH
 *   MAP       struct pairs     map of scalars, in file order
 *   NODE      struct node *    anything; the caller reads it
 *
 * ${X} in a value is an error: nothing replaces it. def, min, max are written as in YAML ("10s", "64KiB"); NULL = none. A key without a value in
 * the file and without a default leaves the field zero.
 */
#ifndef CONF_OPTION_H
#define CONF_OPTION_H
#include "conf/yaml.h"

enum option_type {
    OPT_STRING = 1,
    OPT_CHOICE,
    OPT_INT,
    OPT_REAL,
    OPT_BOOL,
    OPT_DURATION,
    OPT_SIZE,
    OPT_PATH,
    OPT_LIST,
    OPT_MAP,
    OPT_PATHS,
    OPT_NODE
};
enum { OPT_REQUIRED = 1, OPT_SECRET = 2, OPT_SHELL = 4 /* ${X} may be meant for a shell */ };

struct strings {
    const char *const *v; /* n of them, then NULL */
    size_t n;
};
struct pair {
    const char *key, *val;
    struct pos at; /* of the value */
};
struct pairs {
    const struct pair *v;
    size_t n;
};

struct option {
    uint32_t type, flags;
    const char *name, *def, *min, *max, *choices, *help;
    size_t offset;
};
struct option_set {
    const struct option *rows;
    size_t n;
    const char *what; /* for messages: "a sink", "collector files", "plugin graphite" */
};

/* Fills *dst from `map` (NULL: defaults only). Keys found in `also` (may be NULL) are known but
 * skipped; with `open`, keys in neither are left to somebody else (a sink's plugin). Every other
 * unknown key is an error that names the nearest known one. Strings are copied into `a`. */
void option_fill(struct arena *a, struct option_set set, const struct option_set *also, bool open,
                 const struct node *map, void *dst, struct errors *e);
/* One value by its row, as option_fill does: for a key that has two forms. */
void option_value(struct arena *a, const struct option *row, const struct node *v, void *dst,
                  struct errors *e);
/* The known name nearest to `name`, or NULL when none is near enough to be meant. */
const char *nearest(const char *name, struct option_set set, const struct option_set *also);

#endif
