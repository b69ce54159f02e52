/* supervise/verdict.h: which standstill is one, looked at once a second. */
#include <criterion/criterion.h>

#include "model/scoreboard.h"
#include "supervise/verdict.h"

static struct stuck s;

static void looks(unsigned n, uint64_t step)
{
    for (unsigned i = 0; i < n; i++)
        cr_assert_eq(stuck_look(&s, step), STUCK_NOTHING_NEW, "look %u", i);
}

Test(stuck, only_what_stands_still_at_work)
{
    looks(100, SCOREBOARD_WAITS);
    for (uint64_t i = 1; i < 100; i++)
        looks(1, i * SCOREBOARD_STEP_ONE | SCOREBOARD_SENDS);
    cr_assert_not(stuck_is(&s));
    looks(STUCK_LOOKS, SCOREBOARD_STEP_ONE | SCOREBOARD_SENDS);
    cr_assert_not(stuck_is(&s));
    looks(1, SCOREBOARD_WAITS);
    looks(STUCK_LOOKS, SCOREBOARD_STEP_ONE | SCOREBOARD_SENDS);
    cr_assert_not(stuck_is(&s));
}

Test(stuck, is_told_once_and_its_end)
{
    const uint64_t step = SCOREBOARD_STEP_ONE | SCOREBOARD_SENDS;

    looks(STUCK_LOOKS, step);
    cr_assert_eq(stuck_look(&s, step), STUCK_BEGINS);
    looks(100, step);
    cr_assert(stuck_is(&s));
    cr_assert_eq(stuck_look(&s, step + SCOREBOARD_STEP_ONE), STUCK_ENDS);
    cr_assert_not(stuck_is(&s));
    looks(STUCK_LOOKS - 1, step + SCOREBOARD_STEP_ONE);
}

/* open() may wait for long, other callbacks for ever, and one that somebody has stopped is not to blame. */
Test(stuck, is_ended_in_open_alone)
{
    const uint64_t step = SCOREBOARD_STEP_ONE | SCOREBOARD_OPENS;

    for (unsigned i = 0; i <= STUCK_OPEN_LOOKS; i++) {
        cr_assert_not(stuck_in_open(&s), "look %u", i);
        (void)stuck_look(&s, step);
    }
    cr_assert(stuck_in_open(&s));
    (void)stuck_look(&s, step);
    cr_assert_not(stuck_in_open(&s), "once");
    (void)stuck_look(&s, SCOREBOARD_WAITS);
    for (unsigned i = 0; i < 2 * STUCK_OPEN_LOOKS; i++) {
        (void)stuck_look(&s, SCOREBOARD_STEP_ONE | SCOREBOARD_DELIVERS);
        cr_assert_not(stuck_in_open(&s));
    }
}

Test(stuck, says_from_what)
{
    cr_assert_str_eq(stuck_from(SCOREBOARD_OPENS), "its plugin's open()");

    cr_assert_not_null(strstr(stuck_from(SCOREBOARD_STEP_ONE | SCOREBOARD_SENDS), "file system"));
    cr_assert_str_eq(stuck_from(7 * SCOREBOARD_STEP_ONE | SCOREBOARD_DELIVERS),
                     "its plugin's deliver() or event()");
}
