/* base/environment.h: what goes on to others is chosen by name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"

static bool is_passed(const char *variable)
{
    for (const char *const *v = environment_small(); *v != NULL; v++)
        if (strcmp(*v, variable) == 0)
            return true;
    return false;
}

static bool passes(const char *name)
{
    char whole[64];

    (void)snprintf(whole, sizeof whole, "%s=x", name);
    cr_assert_eq(setenv(name, "x", 1), 0);
    return is_passed(whole);
}

Test(environment, by_name)
{
    static const char *const all[] = {"PATH",         "LANG",         "LC_ALL",
                                      "TZ",           "TMPDIR",       "LD_PRELOAD",
                                      "GARNET_DEBUG", "ASAN_OPTIONS", "TSAN_OPTIONS"};
    static const char *const none[] = {"HOME",      "PATHS",        "PAT",    "LC_ALLX",
                                       "XPATH",     "GARNET",       "LD",     "SAN_OPTIONS",
                                       "DB_SECRET", "SAN_OPTIONSX", "MY_LD_X"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cr_assert(passes(all[i]), "%s", all[i]);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_assert_not(passes(none[i]), "%s", none[i]);
}

Test(environment, as_many_as_there_is_room_for)
{
    char name[32];
    size_t n = 0;

    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof name, "GARNET_%d", i);
        cr_assert_eq(setenv(name, "x", 1), 0);
    }
    for (const char *const *v = environment_small(); *v != NULL; v++)
        n++;
    cr_assert_eq(n, 64);
    cr_assert_eq(clearenv(), 0);
    cr_assert_null(environment_small()[0]);
}
