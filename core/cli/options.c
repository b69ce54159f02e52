/* cli/options.c - pure; what is wrong the caller says in its own words */
#include "cli/options.h"

#include <string.h>

enum option_taken option_take(const struct cli_option *all, size_t n, int argc, char *const argv[],
                              int *i)
{
    for (size_t k = 0; k < n; k++) {
        if (strcmp(argv[*i], all[k].name) != 0)
            continue;
        if (*i + 1 >= argc)
            return OPTION_BARE;
        *all[k].value = argv[++*i];
        return OPTION_TAKEN;
    }
    return OPTION_NONE;
}
