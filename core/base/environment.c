/* base/environment.c - chosen by name, and not copied */
#include "base/environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { MOST = 64 };

const char *const environment_passed[ENVIRONMENT_PASSED] = {"PATH", "LANG", "LC_ALL", "TZ",
                                                            "TMPDIR"};

static bool begins(const char *variable, size_t n, const char *with)
{
    return n > strlen(with) && strncmp(variable, with, strlen(with)) == 0;
}

static bool is_passed(const char *variable)
{
    static const char SANITIZER[] = "SAN_OPTIONS";
    size_t n = strcspn(variable, "="), ending = strlen(SANITIZER);

    for (int i = 0; i < ENVIRONMENT_PASSED; i++)
        if (strlen(environment_passed[i]) == n && strncmp(variable, environment_passed[i], n) == 0)
            return true;
    return begins(variable, n, "LD_") || begins(variable, n, "GARNET_") ||
           (n > ending && strncmp(variable + n - ending, SANITIZER, ending) == 0);
}

const char *const *environment_small(void)
{
    static const char *small[MOST + 1];
    int n = 0;

    for (char **v = environ; v != NULL && *v != NULL && n < MOST; v++)
        if (is_passed(*v))
            small[n++] = *v;
    small[n] = NULL;
    return small;
}
