/* conf/option.h - a key is a row: it checks a value, fills a struct field and documents
 *
 * The same rows serve the core's own keys and, converted by plugin/options.c, a plugin's.
 *
 *   type      field            YAML
 *   STRING    const char *     scalar
 *   PATH      const char *     scalar; relative to the file it stands in, made absolute
 *   CHOICE    int64_t          one of `choices` ("skip|kill"), stored as its index
 *   INT       int64_t
 *   REAL      double
 *   BOOL      int64_t          0 or 1
 *   DURATION  int64_t          ns     (base/number.h)
 *   SIZE      int64_t          bytes  (base/number.h)
 *   LIST      struct strings   list of scalars, or one scalar for a list of one
 *   PATHS     struct strings   the same, each like PATH
 *   MAP       struct pairs     map of scalars, in file order
 *   NODE      struct node *    anything; the caller reads it
 *   SECTION   a struct         a map, whose keys are the rows of `section` (conf/section.h)
 *
 * ${X} in a value is an error: nothing replaces it. def, min, max are written as in YAML ("10s",
 * "64KiB"); NULL = none. A key without a value in the file and without a default leaves the field as
 * it was.
 */
#pragma once
#include "base/why.h"
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
    OPT_NODE,
    OPT_SECTION
};
enum {
    OPT_REQUIRED = 1,
    OPT_SECRET = 2,
    OPT_SHELL = 4, /* ${X} may be meant for a shell */
    OPT_SHORT = 8, /* of a section: a value alone stands for its first key */
    OPT_ASIDE = 16 /* not in the section's digest: see conf/section.h */
};

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
    const char *name, *def, *min, *max, *choices;
    const char *help;  /* for docs/operations.md, or a plugin's description */
    const char *unset; /* likewise: the default in words, where `def` does not say it */
    const struct section *section;
    size_t offset;
};

union option_number {
    int64_t whole;
    double real; /* of a REAL */
};

/* One value by its row. What is wrong is an error with its place, and leaves the field as it was.
 * Strings are copied into `a`. */
void option_value(struct arena *a, const struct option *row, const struct node *v, void *dst,
                  struct errors *e);
/* Whether v is there and not empty, with an error where it is not. */
bool option_given(const struct option *row, const struct node *v, struct errors *e);
/* The text of an INT, REAL, BOOL, DURATION or SIZE; false, and the clause for after it. */
bool option_number(uint32_t type, const char *text, union option_number *n, struct why *why);
const char *option_kind(enum node_kind k); /* "a list" */
