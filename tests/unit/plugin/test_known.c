/* plugin/known.h: a plugin of an earlier ABI never learns of what came later, by a table of ABIs to come. */
#include <criterion/criterion.h>

#include "garnet/plugin.h"
#include "plugin/known.h"

static const struct known to_come[] = {{7, 0x3e}, {7 | 8, 0x3e}, {7 | 8 | 16, 0x7e}};
enum { MINORS = sizeof to_come / sizeof *to_come };

Test(known, each_minor_has_its_own)
{
    for (uint32_t i = 0; i < MINORS; i++) {
        struct known k = known_by(to_come, MINORS, i);

        cr_assert_eq(k.vtypes, to_come[i].vtypes);
        cr_assert_eq(k.types, to_come[i].types);
    }
}

Test(known, a_later_one_gets_what_the_host_has)
{
    struct known k = known_by(to_come, MINORS, 7);

    cr_assert_eq(k.vtypes, 31);
    cr_assert_eq(k.types, 0x7e);
    k = known_by(to_come, 1, 2);
    cr_assert_eq(k.vtypes, 7);
    cr_assert_eq(known_to(UINT32_MAX).vtypes, known_to(GARNET_ABI_MINOR).vtypes);
}

/* For ever. */
Test(known, what_1_0_knows)
{
    struct known k = known_to(0);

    cr_assert_eq(k.vtypes, 7, "I64, U64, F64");
    cr_assert_eq(k.types, 0x3e, "GAUGE to TIMESTAMP");
}
