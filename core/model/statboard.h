/* model/statboard.h - the counters and gauges of a plugin's own, on the scoreboard
 *
 * The worker writes down what rows the plugin has, and what they have come to. The plugin may write over
 * all of it: so garnetd takes a row only after it has passed stat_fault(), and copies what it takes.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { STATS_MAX = 16, STAT_TEXT = 32 /* bytes of a name, and of a unit */ };

struct stat_row {
    uint32_t type; /* METRIC_COUNTER or METRIC_GAUGE */
    char name[STAT_TEXT + 1], unit[STAT_TEXT + 1];
};
struct statboard {
    _Atomic uint32_t n; /* one more than there are; 0: not said yet */
    struct stat_shared {
        _Atomic uint32_t type;
        _Atomic char name[STAT_TEXT + 1], unit[STAT_TEXT + 1];
        _Atomic int64_t value;
    } rows[STATS_MAX];
};

/* What is wrong with a row's type, name or unit, as "has ..."; NULL: nothing. */
const char *stat_fault(uint32_t type, const char *name, const char *unit);

/* The worker's. */
void statboard_show(struct statboard *b, const struct stat_row *rows, uint32_t n);
void statboard_add(struct statboard *b, uint32_t i, int64_t v); /* v >= 0; stays at INT64_MAX */
void statboard_set(struct statboard *b, uint32_t i, int64_t v);

/* garnetd's. */
int statboard_rows(const struct statboard *b); /* STATS_MAX at most; -1: not said yet */
/* False: it is none that a plugin may have. */
bool statboard_row(const struct statboard *b, uint32_t i, struct stat_row *to);
int64_t statboard_value(const struct statboard *b, uint32_t i);
void statboard_clear(struct statboard *b); /* before another worker begins */
