/* daemon/row.h - a number of Garnet's own: who keeps it writes it as a row, whoever asks
 *
 * Each part of garnetd writes the rows about itself where it keeps the number: one call of self_count(),
 * self_gauge(), self_signed() or self_real() is a row, of a round that its owner is given. Who takes the rows
 * is in the round: they become metrics (daemon/selfmetrics.h), or part of an answer on the control socket
 * (daemon/status.h). So the two can never disagree. docs/operations.md has the same rows, and a test
 * compares the two. Nothing here fails.
 */
#pragma once
#include "conf/conf.h"
#include "model/metric.h"

enum { BASIC = SELF_BASIC, FULL = SELF_FULL }; /* from which level on a row is written */

struct self_row { /* all borrowed */
    const char *name, *unit;
    const char *why; /* a tag, or NULL: the reason that the row is about */
    uint8_t type, vtype;
    union metric_value value;
};

struct self_round { /* what all rows of one round share */
    void (*take)(void *to, const struct self_round *at, const struct self_row *row);
    void *to;
    int level;              /* rows up to this one are taken; -1: none are */
    int64_t time, interval; /* ns */
    const char *key, *val;  /* whom they are about: a tag, or NULL */
    bool only_counters;     /* of what has just begun, */
    bool zero;              /* and as they were then */
    bool look;              /* somebody looks, who is not told what others have to be told first */
};

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
