/* intake/rest.c - they come as fast in the next turn as they did in the last one
 *
 * A socket's buffer holds some 280 messages, or 200 KiB. Who sends each metric in one of its own, at full speed, fills
 * that within a third of a millisecond, and would stand still until we look: how fast he might be is then not to be seen. So
 * where much has come at once there is no rest for a while. Who has made his buffer a tenth of that is not found out.
 */
#include "intake/rest.h"

#include "base/clock.h"

static const int64_t LONGEST = 5 * NS_PER_MS, AWAKE = 250 * NS_PER_MS;
static const int64_t SHORTEST = NS_PER_MS / 5; /* to sleep for less costs more than it saves */
enum { ENOUGH = 96, MUCH = 128 /* metrics */, ENOUGH_BYTES = 24 << 10, MUCH_BYTES = 32 << 10 };

/* The time in which `enough` comes, where `n` have in `since`. */
static int64_t time_for(int64_t enough, uint64_t n, int64_t since)
{
    return n == 0 ? LONGEST : enough * since / (int64_t)n;
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t rest_until(struct rest *r, uint64_t metrics, uint64_t bytes, int64_t now)
{
    int64_t since = now - r->last, rest;

    if (metrics == 0)
        return now;
    r->last = now;
    if (since > 2 * LONGEST)
        return now;
    if (metrics >= MUCH || bytes >= MUCH_BYTES)
        r->awake = now + AWAKE;
    if (now < r->awake)
        return now;
    rest = least_of(time_for(ENOUGH, metrics, since), time_for(ENOUGH_BYTES, bytes, since));
    return rest < SHORTEST ? now : now + least_of(rest, LONGEST);
}
