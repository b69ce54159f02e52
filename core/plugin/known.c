/* plugin/known.c - a row for each minor number; a new one gets a row in the commit that raises GARNET_ABI_MINOR */
#include "plugin/known.h"

#include "garnet/plugin.h"

static const struct known MINORS[] = {
    [0] = {GARNET_I64 | GARNET_U64 | GARNET_F64, 1 << GARNET_GAUGE | 1 << GARNET_COUNTER |
                                                     1 << GARNET_RATE | 1 << GARNET_COUNT |
                                                     1 << GARNET_TIMESTAMP},
};
enum { ROWS_OF_MINORS = sizeof MINORS / sizeof *MINORS };
_Static_assert(ROWS_OF_MINORS == GARNET_ABI_MINOR + 1, "each minor of the ABI has a row");

struct known known_by(const struct known *minors, size_t n, uint32_t minor)
{
    return minors[minor < n ? minor : n - 1];
}

uint32_t known_minor(uint32_t minor)
{
    return minor < ROWS_OF_MINORS ? minor : ROWS_OF_MINORS - 1;
}

struct known known_to(uint32_t minor)
{
    return known_by(MINORS, ROWS_OF_MINORS, minor);
}
