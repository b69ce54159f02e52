/* conf/nearest.c - letters to add, drop, change or swap, counted
 *
 * Only what is near enough counts: a wrong suggestion is worse than none. Pure; cannot fail.
 */
#include "conf/nearest.h"

#include <string.h>

enum { LONGEST = 32 }; /* names longer than this have no near ones */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Letters to add, drop, change or swap with their neighbour, to make b of a. */
static size_t distance(const char *a, const char *b)
{
    size_t d[LONGEST + 1][LONGEST + 1] = {{0}}, na = strlen(a), nb = strlen(b);

    if (na > LONGEST || nb > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= na; i++)
        for (size_t j = 0; j <= nb; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] =
                min3(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min3(d[i][j], d[i - 2][j - 2] + 1, LONGEST);
        }
    return d[na][nb];
}

struct nearest nearest_to(const char *name)
{
    size_t len = strlen(name);

    return (struct nearest){name, NULL, len < 2 ? 0 : len < 6 ? 2 : len < 9 ? 3 : 4};
}

void nearest_try(struct nearest *n, const char *known)
{
    size_t d = distance(n->name, known);

    if (d < n->bound) {
        n->bound = d;
        n->found = known;
    }
}
