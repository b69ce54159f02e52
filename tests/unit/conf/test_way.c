/* tests/unit/conf/test_way.c - conf/way.h: real links in a folder */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/way.h"

static char dir[] = "/tmp/garnet-way-XXXXXX";

static void begin(void)
{
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(chdir(dir), 0);
    cr_assert_eq(mkdir("a", 0755), 0);
    cr_assert_eq(mkdir("a/b", 0755), 0);
    cr_assert_eq(symlink("a/b", "near"), 0);
    cr_assert_eq(symlink("../../near/./c", "a/b/up"), 0);
    cr_assert_eq(symlink("/", "a/root"), 0);
    cr_assert_eq(symlink("round", "round"), 0);
    cr_assert_eq(symlink("/mnt/dead", "dead"), 0);
}

static void end(void)
{
    static const char *const made[] = {"dead", "round", "a/root", "a/b/up", "near", "a/b", "a"};

    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        cr_assert_eq(remove(made[i]), 0);
    cr_assert_eq(rmdir(dir), 0);
}

TestSuite(way, .init = begin, .fini = end);

/* All that it touches, one behind the other; the temporary folder is TMP. */
static const char *passed(const char *path)
{
    static char all[8192];
    char whole[256];
    struct way w;

    (void)snprintf(whole, sizeof whole, "%s%s", dir, path);
    all[0] = 0;
    way_begin(&w, whole);
    do {
        bool ours = strncmp(w.at, dir, strlen(dir)) == 0;

        if (strcmp(w.at, "/tmp") != 0)
            (void)snprintf(all + strlen(all), sizeof all - strlen(all), " %s%s", ours ? "TMP" : "",
                           ours ? w.at + strlen(dir) : w.at);
    } while (way_on(&w));
    return all;
}

Test(way, links_are_followed_by_hand)
{
    cr_expect_str_eq(passed("/a/b/c"), " TMP TMP/a TMP/a/b TMP/a/b/c");
    cr_expect_str_eq(passed("/near"), " TMP TMP/near TMP/a TMP/a/b");
    cr_expect_str_eq(passed("/near/c"), " TMP TMP/near TMP/a TMP/a/b TMP/a/b/c");
    cr_expect_str_eq(passed("/a/b/up"),
                     " TMP TMP/a TMP/a/b TMP/a/b/up TMP/near TMP/a TMP/a/b TMP/a/b/c");
    cr_expect_str_eq(passed("/dead/x"), " TMP TMP/dead /mnt /mnt/dead /mnt/dead/x");
}

Test(way, dots_and_slashes_are_no_parts)
{
    cr_expect_str_eq(passed("//a/./b/../b//c/"), " TMP TMP/a TMP/a/b TMP/a/b TMP/a/b/c");
    cr_expect_str_eq(passed("/a/..b/.c"), " TMP TMP/a TMP/a/..b TMP/a/..b/.c");
    cr_expect_str_eq(passed("/../../../.."), " TMP");
}

Test(way, it_comes_to_an_end)
{
    char round[64];
    struct way w;
    unsigned n = 0;

    way_begin(&w, "/");
    cr_expect_str_eq(w.at, "/");
    cr_expect_not(way_on(&w));
    cr_expect_str_eq(passed("/a/root"), " TMP TMP/a TMP/a/root");
    (void)snprintf(round, sizeof round, "%s/round/x", dir);
    way_begin(&w, round);
    while (way_on(&w))
        n++;
    cr_expect_leq(n, 50U);
}
