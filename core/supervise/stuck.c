/* supervise/stuck.c - arithmetic only; it cannot fail.
 */
#include "supervise/stuck.h"

#include "model/scoreboard.h"

bool stuck_is(const struct stuck *s)
{
    return s->looks >= STUCK_LOOKS;
}

enum stuck_verdict stuck_look(struct stuck *s, uint64_t step)
{
    bool was = stuck_is(s), moved = step == SCOREBOARD_WAITS || step != s->step;

    s->step = step;
    s->looks = moved ? 0 : s->looks + (s->looks < UINT32_MAX);
    if (stuck_is(s) == was)
        return STUCK_NOTHING_NEW;
    return was ? STUCK_ENDS : STUCK_BEGINS;
}

const char *stuck_from(uint64_t step)
{
    switch (step & SCOREBOARD_STEP_MASK) {
    case SCOREBOARD_SENDS:
        return "its endpoint: a file system that does not answer (frozen, or its server is gone), "
               "or a "
               "name look-up";
    case SCOREBOARD_DELIVERS:
        return "its plugin's deliver() or event()";
    case SCOREBOARD_READS:
        return "the spool, or its plugin's format()";
    case SCOREBOARD_STORES:
        return "storing its position in the spool";
    }
    return "its work";
}
