/* base/timers.h - the loop's timers: in order of their due times, and removable at any time
 *
 * Part of base/loop, apart from it so that it can be read and tested alone. Nothing allocates or
 * fails.
 */
#pragma once
#include <stdint.h>
#include <sys/queue.h>

#include "base/loop.h"

struct timers {
    struct loop_timer *root; /* the next one, or NULL */
    TAILQ_HEAD(, loop_timer) due;
};

void timers_init(struct timers *ts);                         /* none */
void timers_add(struct timers *ts, struct loop_timer *t);    /* by t->at; t is not armed */
void timers_remove(struct timers *ts, struct loop_timer *t); /* wherever it is; t is armed */
void timers_collect(struct timers *ts,
                    int64_t now);                  /* sets aside, in order, what is due at `now` */
struct loop_timer *timers_take(struct timers *ts); /* the next one set aside, disarmed; or NULL */
