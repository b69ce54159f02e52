/* What systemd calls states and kinds of units. */
#include <criterion/criterion.h>

#include "checks/unit_states.h"

Test(unit_states, states)
{
    for (int s = 0; s < STATE_OTHER; s++)
        cr_expect_eq(unit_state(unit_state_name((enum unit_state)s)), (enum unit_state)s);
    cr_expect_eq(unit_state("failed"), STATE_FAILED);
    cr_expect_eq(unit_state("refreshing"), STATE_OTHER);
    cr_expect_eq(unit_state(""), STATE_OTHER);
    cr_expect_eq(unit_state("activ"), STATE_OTHER);
    cr_expect(unit_is_active(STATE_ACTIVE) && unit_is_active(STATE_RELOADING));
    cr_expect(!unit_is_active(STATE_ACTIVATING) && !unit_is_active(STATE_OTHER));
}

Test(unit_states, kinds)
{
    cr_expect_str_eq(unit_kind("cron.service"), "Service");
    cr_expect_str_eq(unit_kind("a.mount.service"), "Service");
    cr_expect_str_eq(unit_kind("-.slice"), "Slice");
    cr_expect_eq(unit_kind("a.service.timer"), NULL);
    cr_expect_eq(unit_kind("service"), NULL);
    cr_expect_eq(unit_kind(""), NULL);
}
