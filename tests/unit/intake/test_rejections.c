/* tests/unit/intake/test_rejections.c - intake/rejections.h: the last of them, the newest first, cut to what is kept */
#include <criterion/criterion.h>
#include <stdio.h>

#include "intake/rejections.h"

static void add(struct rejections *r, int i)
{
    char name[16], text[16];

    (void)snprintf(name, sizeof name, "n%d", i);
    (void)snprintf(text, sizeof text, "t%d", i);
    rejections_add(
        r, &(struct rejection){i, (uint64_t)i, 7, {str_of(name), i % 2 == 0}, str_of(text)});
}

Test(rejections, the_newest_first)
{
    struct rejections r = {0};
    struct rejection x;

    cr_assert_not(rejections_get(&r, 0, &x));
    add(&r, 1);
    add(&r, 2);
    cr_assert(rejections_get(&r, 0, &x));
    cr_assert(str_eq(x.who.name, str_of("n2")) && str_eq(x.text, str_of("t2")));
    cr_assert(x.at == 2 && x.line == 2 && x.byte == 7 && x.who.values);
    cr_assert(rejections_get(&r, 1, &x));
    cr_assert(str_eq(x.who.name, str_of("n1")));
    cr_assert_not(rejections_get(&r, 2, &x));
    rejections_free(&r);
    cr_assert_not(rejections_get(&r, 0, &x));
}

Test(rejections, no_more_than_its_bound)
{
    struct rejections r = {0};
    struct rejection x;

    for (int i = 1; i <= 1000; i++)
        add(&r, i);
    cr_assert_eq(r.all, 1000);
    cr_assert_eq(r.n, REJECTIONS);
    for (int i = 0; i < REJECTIONS; i++) {
        cr_assert(rejections_get(&r, (size_t)i, &x));
        cr_assert_eq(x.at, 1000 - i);
    }
    cr_assert_not(rejections_get(&r, REJECTIONS, &x));
    rejections_free(&r);
}

Test(rejections, long_ones_are_cut)
{
    static char many[5000];
    struct rejections r = {0};
    struct rejection x;

    memset(many, 'x', sizeof many);
    rejections_add(
        &r, &(struct rejection){.who.name = {many, sizeof many}, .text = {many, sizeof many}});
    rejections_add(&r, &(struct rejection){.who.name = {"", 0}, .text = {NULL, 0}});
    cr_assert(rejections_get(&r, 1, &x));
    cr_assert(x.who.name.n == REJECTION_NAME && x.text.n == REJECTION_TEXT);
    cr_assert(rejections_get(&r, 0, &x));
    cr_assert(x.who.name.n == 0 && x.text.n == 0);
    rejections_free(&r);
}
