/* daemon/selfmetrics.h - Garnet's own metrics: the grid that they are due on, and what a row is
 *
 * They take the road of everybody's, into this turn's batch of intake, stamped with the slot of
 * their grid. Each part of garnetd writes the rows about itself where it keeps the number: one call
 * of self_count(), self_gauge(), self_signed() or self_real() is a row, of a round that its owner is given.
 * docs/operations.md has the same rows, and a test compares the two.
 *
 * Counters count since garnetd's start, but for a sink's confirmed and dropped, which its cursor
 * keeps over restarts. All that begins has its counters written as it begins (selfmetrics_beginning()):
 * what is first seen as 1 is nothing to who makes rates.
 */
#pragma once
#include "base/loop.h"
#include "conf/conf.h"
#include "intake/intake.h"

struct selfmetrics;

struct self_round { /* what all metrics of one round share */
    struct selfmetrics *to;
    int64_t time, interval; /* ns */
    const char *key, *val;  /* whom they are about: a tag, or NULL */
    bool only_counters;     /* of what has just begun, */
    bool zero;              /* and as they were then */
};

enum { BASIC = SELF_BASIC, FULL = SELF_FULL }; /* from which level on a row is written */

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
/* A round of counters alone, for what began at `wall`. */
struct self_round selfmetrics_beginning(struct selfmetrics *s, int64_t wall);

/* `why`: a reason, where the row is about one; else NULL. It is a tag, and sorts behind that of whom
 * it is about, so that a path has the two in that order. */
void self_count(const struct self_round *at, int level, const char *name, const char *unit,
                const char *why, uint64_t v);
void self_gauge(const struct self_round *at, int level, const char *name, const char *unit,
                uint64_t v);
/* Of what may be below 0. */
void self_signed(const struct self_round *at, int level, const char *name, const char *unit,
                 int64_t v);
void self_real(const struct self_round *at, int level, const char *name, const char *unit,
               double v);
