/* supervise/poison.c - arithmetic only; it cannot fail. Time is counted in looks, so that a clock
 * that jumps, or a garnetd that got no processor for a while, condemns nobody.
 */
#include "supervise/poison.h"

enum { LOOKS_FIRST = 10, LOOKS_SUSPECT = 3 }; /* who is known to hang is not waited for as long */

void poison_started(struct poison *p)
{
    p->looks = 0;
    p->formatting = 0;
}

void poison_useful(struct poison *p)
{
    p->credit = 0;
}

enum poison_verdict poison_death(struct poison *p, uint64_t formatting)
{
    p->deaths = formatting == p->suspect ? p->deaths + 1 : 1;
    p->suspect = formatting;
    if (formatting == 0)
        return POISON_NONE;
    if (p->deaths == 1 && p->credit <= POISON_CREDIT)
        p->credit++;
    if (p->deaths < POISON_DEATHS)
        return POISON_SUSPECT;
    p->suspect = 0;
    return POISON_FOUND;
}

bool poison_hurry(const struct poison *p)
{
    return p->suspect != 0 && p->deaths == 1 && p->credit <= POISON_CREDIT;
}

bool poison_hangs(struct poison *p, uint64_t formatting, uint64_t formats)
{
    bool moved = formatting == 0 || formatting != p->formatting || formats != p->formats;

    p->formatting = formatting;
    p->formats = formats;
    p->looks = moved ? 0 : p->looks + 1;
    return p->looks >= (formatting == p->suspect ? (unsigned)LOOKS_SUSPECT : LOOKS_FIRST);
}
