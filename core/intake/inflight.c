/* intake/inflight.c - metrics whose fate is not known yet, by the ticket that they wait for
 *
 * The newest place is in the struct, so that most connections need no memory for it, and one that
 * finds none has a place all the same.
 */
#include "intake/inflight.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 8 };

static bool room_for_place(struct inflight *p)
{
    struct inflight_place *more;
    size_t cap = p->cap > 0 ? p->cap * 2 : FIRST_CAP;

    if (p->first + p->n < p->cap)
        return true;
    if (p->first > 0) {
        memmove(p->older, p->older + p->first, p->n * sizeof *p->older);
        p->first = 0;
        return true;
    }
    if ((more = reallocarray(p->older, cap, sizeof *more)) == NULL)
        return false;
    p->older = more;
    p->cap = cap;
    return true;
}

void inflight_add(struct inflight *p, uint64_t ticket, uint64_t metrics)
{
    if (metrics == 0)
        return;
    if (p->newest.metrics > 0 && p->newest.ticket != ticket && room_for_place(p)) {
        p->older[p->first + p->n++] = p->newest;
        p->newest.metrics = 0;
    }
    p->newest.ticket = ticket;
    p->newest.metrics += metrics;
    p->sum += metrics;
}

uint64_t inflight_settle(struct inflight *p, uint64_t ticket)
{
    uint64_t taken = 0;

    for (; p->n > 0 && p->older[p->first].ticket <= ticket; p->first++, p->n--)
        taken += p->older[p->first].metrics;
    if (p->n == 0 && p->newest.ticket <= ticket) {
        taken += p->newest.metrics;
        p->newest.metrics = 0;
    }
    p->sum -= taken;
    if (p->sum == 0)
        inflight_free(p);
    return taken;
}

void inflight_free(struct inflight *p)
{
    free(p->older);
    *p = (struct inflight){0};
}
