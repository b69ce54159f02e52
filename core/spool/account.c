/* spool/account.c - arithmetic, and nothing else
 *
 * The four are read one after the other while a worker goes on. Taken in this order, the cursor first and
 * the end last, the sum holds for what was read: an older cursor has less confirmed, and the difference
 * is unconfirmed.
 */
#include "spool/account.h"

#include <string.h>

static uint64_t beyond(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct account_reading account_begin(const struct cursor_state *c)
{
    return (struct account_reading){c->position, c->dropped[DROP_EXPIRED]};
}

bool account_believed(const struct account_reading *r, const struct cursor_state *c, uint64_t end)
{
    uint64_t expired = c->dropped[DROP_EXPIRED];

    return r->taken >= c->position && r->taken <= end && r->lost >= expired &&
           r->lost - expired <= r->taken - c->position;
}

bool account_derive(struct account *a, const struct cursor_state *c,
                    const struct account_reading *r, uint64_t oldest, uint64_t end)
{
    struct account_reading at = account_begin(c);
    uint64_t settled = 0;
    bool sound;

    if (r != NULL && account_believed(r, c, end))
        at = *r;
    oldest = oldest < end ? oldest : end;
    *a = (struct account){.accepted = beyond(end, c->start)};
    memcpy(a->dropped, c->dropped, sizeof a->dropped);
    for (unsigned i = 0; i < DROP_REASONS; i++)
        settled += c->dropped[i];
    sound = c->position >= c->start && c->position <= end && c->position - c->start >= settled;
    a->confirmed = sound ? c->position - c->start - settled : 0;
    a->unconfirmed = at.taken - c->position - (at.lost - c->dropped[DROP_EXPIRED]);
    a->queued = beyond(end, at.taken > oldest ? at.taken : oldest);
    a->dropped[DROP_EXPIRED] = at.lost + beyond(oldest, at.taken);
    a->all_dropped = settled - c->dropped[DROP_EXPIRED] + a->dropped[DROP_EXPIRED];
    return sound;
}
