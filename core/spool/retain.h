/* spool/retain.h - which segments go, and how: whoever reads them is told before
 *
 * A segment is as old as its youngest metric. The newest never goes.
 */
#pragma once
#include "spool/inventory.h"

struct retain_rules {
    int64_t max_size, max_age; /* bytes, the reserve's among them; ns. 0: no bound */
};

/* How many are to go: those below `needed`, and those beyond the rules. *lost of them are needed, and were
 * not given up before. */
size_t retain_count(const struct inventory *v, const struct retain_rules *rules, uint64_t needed,
                    int64_t wall_ns, unsigned *lost);
/* What is before that number, nobody is to read any more: it is about to go. */
void retain_give_up(struct inventory *v, uint64_t before);
/* Bytes that the segment's file has on the disk, to be written over; 0: it may not be. */
uint64_t retain_room(const struct inventory *v, const struct held_segment *s);
/* The first n, which the newest is not among, go: to the reserve, while that is short, or from the disk. What
 * cannot be removed stays in front, for the next call; the first time that is logged. */
void retain_remove(struct inventory *v, size_t n);
/* The oldest go, all to the reserve, up to one that has room for so much; none if there is no such one. */
void retain_give_way(struct inventory *v, uint64_t need);
/* Where the spool begins now: what is before is gone, or was said to be and could not be removed yet. */
uint64_t retain_oldest(const struct inventory *v);
