/* intake/inflight.h - metrics whose fate is not known yet, by the ticket that they wait for
 *
 * The spool has taken them; safe they are once it says so of their ticket, or of a later one. First
 * in, first out: tickets never go back. As long as the spool gives one ticket to all whose fate is
 * one (spool/commit.h) there are as many places as fates. Never fails: without memory the newest
 * two are taken for one, which waits for the later ticket.
 */
#ifndef INTAKE_INFLIGHT_H
#define INTAKE_INFLIGHT_H
#include <stddef.h>
#include <stdint.h>

struct inflight_place {
    uint64_t ticket, metrics;
};
struct inflight { /* all zero: none */
    struct inflight_place newest;
    struct inflight_place *older; /* from `first` on, in order */
    size_t first, n, cap;
    uint64_t sum; /* of metrics */
};

void inflight_add(struct inflight *p, uint64_t ticket, uint64_t metrics);
/* How many wait for this ticket or an earlier one; from now on they do not. */
uint64_t inflight_settle(struct inflight *p, uint64_t ticket);
void inflight_free(struct inflight *p);

#endif
