/* tests/rig/until.h - turns until a condition holds, or the test fails after 20 s: define UNTIL with the test's turn */
#pragma once
#include <criterion/criterion.h>

#include "base/clock.h"

#define UNTIL_WITH(turn, condition)                                                                \
    do {                                                                                           \
        int64_t until_end = clock_mono() + 20 * NS_PER_S;                                          \
        while (!(condition)) {                                                                     \
            cr_assert_lt(clock_mono(), until_end, "timed out: %s", #condition);                    \
            turn();                                                                                \
        }                                                                                          \
    } while (0)
