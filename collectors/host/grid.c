/* grid.c - integers */
#include "host/grid.h"

int64_t grid_wait(struct grid *g, int64_t now)
{
    if (g->due == 0 || g->due - now > g->every)
        g->due = now - now % g->every + g->every;
    return g->due > now ? g->due - now : 0;
}

int64_t grid_take(struct grid *g, int64_t now, int64_t *missed)
{
    int64_t slot = now - now % g->every;

    *missed = (slot - g->due) / g->every;
    g->due = slot + g->every;
    return slot;
}
