/* supervise/verdict.h: three deaths in a row at one metric, and no others, condemn it */
#include <criterion/criterion.h>

#include "supervise/verdict.h"

Test(poison, three_in_a_row)
{
    struct poison p = {0};

    cr_assert_eq(poison_death(&p, 7), POISON_SUSPECT);
    cr_assert_eq(poison_death(&p, 7), POISON_SUSPECT);
    cr_assert_eq(poison_death(&p, 7), POISON_FOUND);
    cr_assert_eq(poison_death(&p, 7), POISON_SUSPECT, "it begins anew");
}

Test(poison, another_death_between_breaks_the_row)
{
    static const uint64_t seqs[] = {7, 7, 0, 7, 7, 8, 7, 7};
    struct poison p = {0};

    for (unsigned i = 0; i < sizeof seqs / sizeof *seqs; i++)
        cr_assert_eq(poison_death(&p, seqs[i]), seqs[i] == 0 ? POISON_NONE : POISON_SUSPECT);
    cr_assert_eq(poison_death(&p, 7), POISON_FOUND);
}

Test(poison, deaths_elsewhere_condemn_nothing)
{
    struct poison p = {0};

    for (int i = 0; i < 10; i++) {
        cr_assert_eq(poison_death(&p, 0), POISON_NONE);
        cr_assert_not(poison_hurry(&p));
    }
}

/* New suspects are gone through quickly, until there are too many without useful work. */
Test(poison, a_plugin_that_dies_of_everything_is_slowed_down)
{
    struct poison p = {0};
    int hurries = 0;

    for (uint64_t seq = 1; seq <= 100; seq++) {
        for (int death = 1; death <= POISON_DEATHS; death++) {
            (void)poison_death(&p, seq);
            hurries += poison_hurry(&p);
            cr_assert(death == 1 || !poison_hurry(&p));
        }
    }
    cr_assert_eq(hurries, POISON_CREDIT);
    poison_useful(&p);
    (void)poison_death(&p, 200);
    cr_assert(poison_hurry(&p));
}

static int looks_until_killed(struct poison *p, uint64_t seq)
{
    int looks = 1;

    poison_started(p);
    while (!poison_hangs(p, seq, 5))
        looks++;
    return looks;
}

Test(poison, who_does_not_come_back_hangs)
{
    struct poison p = {0};

    cr_assert_eq(looks_until_killed(&p, 7), 11);
    cr_assert_eq(poison_death(&p, 7), POISON_SUSPECT);
    cr_assert_eq(looks_until_killed(&p, 7), 4, "the second time it is not waited for as long");
    cr_assert_eq(looks_until_killed(&p, 8), 11);
}

Test(poison, who_moves_does_not_hang)
{
    struct poison p = {0};

    for (uint64_t i = 1; i < 100; i++)
        cr_assert_not(poison_hangs(&p, i, i), "from one to the next");
    for (uint64_t i = 1; i < 100; i++)
        cr_assert_not(poison_hangs(&p, 7, i), "the same again and again");
    for (uint64_t i = 1; i < 100; i++)
        cr_assert_not(poison_hangs(&p, 0, 7), "not in the plugin");
}
