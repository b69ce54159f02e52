/* supervise/stuck.c: which standstill is one, looked at once a second. */
#include "base/page.h"
#include "supervise/stuck.h"

#include <criterion/criterion.h>

static struct stuck s;

static void looks(unsigned n, uint64_t step)
{
    for (unsigned i = 0; i < n; i++)
        cr_assert_eq(stuck_look(&s, step), STUCK_NOTHING_NEW, "look %u", i);
}

Test(stuck, only_what_stands_still_at_work)
{
    looks(100, PAGE_WAITS);
    for (uint64_t i = 1; i < 100; i++)
        looks(1, i * PAGE_STEP_ONE | PAGE_SENDS);
    cr_assert_not(stuck_is(&s));
    looks(STUCK_LOOKS, PAGE_STEP_ONE | PAGE_SENDS);
    cr_assert_not(stuck_is(&s));
    looks(1, PAGE_WAITS);
    looks(STUCK_LOOKS, PAGE_STEP_ONE | PAGE_SENDS);
    cr_assert_not(stuck_is(&s));
}

Test(stuck, is_told_once_and_its_end)
{
    const uint64_t step = PAGE_STEP_ONE | PAGE_SENDS;

    looks(STUCK_LOOKS, step);
    cr_assert_eq(stuck_look(&s, step), STUCK_BEGINS);
    looks(100, step);
    cr_assert(stuck_is(&s));
    cr_assert_eq(stuck_look(&s, step + PAGE_STEP_ONE), STUCK_ENDS);
    cr_assert_not(stuck_is(&s));
    looks(STUCK_LOOKS - 1, step + PAGE_STEP_ONE);
}

Test(stuck, says_from_what)
{
    cr_assert_not_null(strstr(stuck_from(PAGE_STEP_ONE | PAGE_SENDS), "file system"));
    cr_assert_str_eq(stuck_from(7 * PAGE_STEP_ONE | PAGE_DELIVERS),
                     "its plugin's deliver() or event()");
}
