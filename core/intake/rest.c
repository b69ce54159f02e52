/* intake/rest.c - they come as fast in the next turn as they did in the last one
 *
 * A socket's buffer holds some 280 messages. Who sends each metric in one of its own, at full speed, fills that within a
 * third of a millisecond, and would stand still until we look: how fast it might be is then not to be seen. So where much
 * has come at once there is no rest for a while.
 */
#include "intake/rest.h"

#include "base/clock.h"

static const int64_t LONGEST = 5 * NS_PER_MS, AWAKE = 250 * NS_PER_MS;
static const int64_t SHORTEST = NS_PER_MS / 5; /* to sleep for less costs more than it saves */
enum { ENOUGH = 96, MUCH = 128 /* metrics */ };

int64_t rest_until(struct rest *r, uint64_t metrics, int64_t now)
{
    int64_t since = now - r->last, rest = LONGEST;

    if (metrics == 0)
        return now;
    r->last = now;
    if (since > 2 * LONGEST)
        return now;
    if (metrics >= MUCH)
        r->awake = now + AWAKE;
    else if ((int64_t)metrics * LONGEST > ENOUGH * since)
        rest = ENOUGH * since / (int64_t)metrics;
    return now < r->awake || rest < SHORTEST ? now : now + rest;
}
