/* daemon/selfmetrics.h - Garnet's own metrics: the grid that they are due on
 *
 * Each row (daemon/row.h) is a metric that takes the road of everybody's, into this turn's batch of intake,
 * stamped with the slot of its grid.
 *
 * Counters count since garnetd's start, but for a sink's confirmed and dropped, which its cursor
 * keeps over restarts. All that begins has its counters written as it begins (selfmetrics_beginning()):
 * what is first seen as 1 is nothing to who makes rates.
 */
#pragma once
#include "base/loop.h"
#include "conf/conf.h"
#include "daemon/row.h"
#include "intake/intake.h"

struct selfmetrics { /* its own to write */
    struct loop *loop;
    struct intake *intake;
    const struct conf *conf;
    void (*round)(void *arg, const struct self_round *at);
    void *arg;
    struct loop_timer timer; /* the next slot */
    struct metric scratch;   /* large, and used by one row at a time */
};

/* Nothing is due before selfmetrics_start(); `round` then is, at each slot. `c` is borrowed until
 * another is configured. */
void selfmetrics_init(struct selfmetrics *s, struct loop *l, struct intake *in,
                      const struct conf *c, void (*round)(void *arg, const struct self_round *at),
                      void *arg);
void selfmetrics_start(struct selfmetrics *s);
void selfmetrics_configure(struct selfmetrics *s, const struct conf *c);
void selfmetrics_stop(struct selfmetrics *s); /* no more rounds; before the intake goes */
/* A round, stamped so. */
struct self_round selfmetrics_round(struct selfmetrics *s, int64_t time, int64_t interval);
/* A round of counters alone, for what began at `wall`. */
struct self_round selfmetrics_beginning(struct selfmetrics *s, int64_t wall);
