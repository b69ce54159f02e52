/* cli/options.c - pure; what is wrong the caller says in its own words */
#include "cli/options.h"

#include <string.h>

enum option_next option_next(const struct cli_option *all, size_t n, int argc, char *const argv[],
                             int *i)
{
    while (++*i < argc) {
        size_t k = 0;

        while (k < n && strcmp(argv[*i], all[k].name) != 0)
            k++;
        if (k == n)
            return OPTION_NONE;
        if (*i + 1 >= argc)
            return OPTION_BARE;
        *all[k].value = argv[++*i];
    }
    return OPTION_END;
}
