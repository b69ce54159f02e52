/* sink/pace.h - how fast a backlog may be sent: policy, pure
 *
 * A sink has a backlog from its start, after each loss, and when nothing could be sent for a
 * while, until it has seen the end of the spool. Meanwhile no more than `rate` metrics a second
 * go out (a token bucket of a tenth of a second). What arrives live is never slowed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct pace {
    int64_t rate;      /* metrics a second; 0: as fast as it goes */
    bool backlog;      /* the end of the spool has not been seen since */
    int64_t moved_ns;  /* mono: when a batch left, or the end was seen */
    int64_t filled_ns; /* mono: up to then the bucket is filled */
    int64_t tokens;    /* metrics that may go now */
};

void pace_init(struct pace *p, int64_t rate, int64_t now);
void pace_behind(struct pace *p, int64_t now); /* something has to be sent again */
void pace_at_end(struct pace *p, int64_t now); /* the end of the spool has been seen */
void pace_moved(struct pace *p, int64_t now);  /* a batch has left */
/* How many metrics may be taken from the spool now. */
uint64_t pace_allows(struct pace *p, int64_t now);
void pace_took(struct pace *p, uint64_t metrics);
int64_t pace_due(const struct pace *p, int64_t now); /* ns until it allows something */
