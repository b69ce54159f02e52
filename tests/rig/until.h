/* tests/rig/until.h - one step after the other until a condition holds, or the test fails: those that have a step of their
 * own define a name for it
 */
#pragma once
#include <criterion/criterion.h>

#include "base/clock.h"

/* `text` is said as well when it fails. The condition is not asked again once it holds: it may hold no more. */
#define UNTIL_WITHIN(seconds, step, condition, text)                                               \
    do {                                                                                           \
        int64_t until_end_ = clock_mono() + (seconds)*NS_PER_S;                                    \
        while (!(condition)) {                                                                     \
            if (clock_mono() >= until_end_)                                                        \
                cr_assert_fail("timed out: %s%s", #condition, text);                               \
            step;                                                                                  \
        }                                                                                          \
    } while (0)

#define UNTIL_WITH(turn, condition) UNTIL_WITHIN(20, turn(), condition, "")
