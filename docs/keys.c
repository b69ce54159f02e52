/* docs/keys.c - the tables of keys in docs/operations.md, from the rows that read the keys
 *
 * Prints a table for each of the three maps, each behind a line "@NAME". docs/keys.py puts them into
 * the page.
 */
#include <stdio.h>

#include "conf/conf.h"

static const char *const KIND[] = {
    [OPT_STRING] = "text",  [OPT_INT] = "number",        [OPT_REAL] = "number",
    [OPT_BOOL] = "boolean", [OPT_DURATION] = "duration", [OPT_SIZE] = "size",
    [OPT_PATH] = "path",    [OPT_LIST] = "list",         [OPT_PATHS] = "list of paths",
    [OPT_MAP] = "map",      [OPT_NODE] = "list of maps", [OPT_SECTION] = "map",
};

/* "a|b" -> "`a`, `b`" */
static void print_choices(const char *choices)
{
    putchar('`');
    for (; *choices != 0; choices++)
        if (*choices == '|')
            fputs("`, `", stdout);
        else
            putchar(*choices);
    putchar('`');
}

static void print_value(const struct option *row)
{
    const char *min = row->min, *max = row->max;

    if (row->choices != NULL)
        print_choices(row->choices);
    else if ((row->flags & OPT_SHORT) != 0)
        printf("%s, or map", KIND[row->section->rows[0].type]);
    else
        fputs(KIND[row->type], stdout);
    if (min != NULL && max != NULL)
        printf(", %s to %s", min, max);
    else if (min != NULL || max != NULL)
        printf(", at %s %s", min != NULL ? "least" : "most", min != NULL ? min : max);
}

static void print_default(const struct option *row)
{
    const char *def = (row->flags & OPT_SHORT) != 0 ? row->section->rows[0].def : row->def;

    if ((row->flags & OPT_REQUIRED) != 0)
        fputs("required", stdout);
    else if (row->unset != NULL)
        fputs(row->unset, stdout);
    else if (def != NULL)
        printf("`%s`", def);
    else if (row->type == OPT_MAP)
        fputs("`{}`", stdout);
    else if (row->type != OPT_SECTION)
        fputs("none", stdout);
}

/* A section without help has no line of its own: its keys' say it all. */
static void print_rows(const struct section *s, const char *prefix)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *row = &s->rows[i];
        char inner[64];

        if (row->help != NULL) {
            printf("| `%s%s` | ", prefix, row->name);
            print_value(row);
            fputs(" | ", stdout);
            print_default(row);
            printf(" | %s |\n", row->help);
        }
        if (row->type == OPT_SECTION) {
            (void)snprintf(inner, sizeof inner, "%s%s.", prefix, row->name);
            print_rows(row->section, inner);
        }
    }
}

static void print_table(const char *name, const struct section *s)
{
    printf("@%s\n| key | value | default | |\n|---|---|---|---|\n", name);
    print_rows(s, "");
}

int main(void)
{
    print_table("garnet.yaml", &main_section);
    print_table("a sink", &sink_section);
    print_table("a collector", &collector_section);
    return 0;
}
