/* sink/select.c: only and drop together. */
#include "sink/select.h"

#include <criterion/criterion.h>

static bool wants(const char *only1, const char *only2, const char *drop, const char *name)
{
    const char *only[] = {only1, only2, NULL}, *drops[] = {drop, NULL};
    struct conf_sink sink = {.only = {only, only2   ? 2
                                            : only1 ? 1
                                                    : 0},
                             .drop = {drops, drop ? 1 : 0}};
    struct metric m = {.name = str_of(name), .prefix = str_of("web")};

    return select_wants(&sink, &m);
}

Test(select, only_one_must_match_and_of_drop_none)
{
    cr_assert(wants(NULL, NULL, NULL, "cpu.user"));
    cr_assert(wants("cpu.*", "disk.*", NULL, "cpu.user"));
    cr_assert(wants("cpu.*", "disk.*", NULL, "disk.reads"));
    cr_assert_not(wants("cpu.*", "disk.*", NULL, "net.in"));
    cr_assert(wants(NULL, NULL, "*.debug", "cpu.user"));
    cr_assert_not(wants(NULL, NULL, "*.debug", "cpu.debug"));
    cr_assert_not(wants("cpu.*", NULL, "*.debug", "cpu.debug"));
    cr_assert(wants("cpu.*", NULL, "*.debug", "cpu.user"));
    cr_assert_not(wants("web.*", NULL, NULL, "cpu.user"));
}
