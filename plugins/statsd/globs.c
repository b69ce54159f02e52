/* globs.c - fnmatch(), and a check of the pattern before
 *
 * The C library matches, but it takes a bad pattern for plain text, which matches no name. So bad
 * patterns are found here, once, when the options are checked. Nothing here fails.
 */
#include "globs.h"

#include <fnmatch.h>

/* Behind the "]" of what stands in brackets; NULL and a fault. */
static const char *skip_class(const char *p, const char **fault)
{
    int before = -1; /* the lower end of a range */

    p += *p == '!' || *p == '^';
    for (bool first = true; *p != 0 && (first || *p != ']'); first = false, p++) {
        bool range = *p == '-' && !first && p[1] != ']';

        if (range)
            p++;
        if (*p == '\\' && p[1] != 0)
            p++;
        if (*p == 0)
            break;
        if (range && (unsigned char)*p < before)
            *fault = "has a range that ends before it begins: write the lower one first, [a-z]";
        before = (unsigned char)*p;
    }
    if (*p == 0)
        *fault = "has a [ without its ]: close it, or write \\[";
    return *fault == NULL ? p + 1 : NULL;
}

const char *glob_fault(const char *pattern)
{
    const char *fault = NULL, *p = pattern;

    if (*p == 0)
        return "is empty: write a name, or a pattern such as cpu.*";
    while (p != NULL && *p != 0) {
        char c = *p++;

        if (c == '\\' && *p == 0)
            return "ends in a backslash: write \\\\ for the character itself";
        if (c == '\\')
            p++;
        else if (c == '[')
            p = skip_class(p, &fault);
    }
    return fault;
}

bool globs_match(const garnet_list *globs, garnet_str name)
{
    for (size_t i = 0; i < globs->n; i++)
        if (fnmatch(globs->v[i].s, name.s, 0) == 0)
            return true;
    return false;
}
