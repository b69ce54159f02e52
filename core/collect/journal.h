/* collect/journal.h - what the log says of a collector: each trouble once a minute, and none of them
 * lost
 *
 * The same trouble again within a minute is counted, and logged with its count when the minute is
 * over or something else has come; then the next minute is counted, until one passes without it.
 * Missed slots likewise, by reason: the first of them by its time, the others as a number and the last
 * one's time. So every missed slot is in the log exactly once, however many there are.
 */
#pragma once
#include <stdint.h>

#include "collect/schedule.h"

struct journal_line { /* what was said last, and what has happened since */
    char text[256];   /* "": nothing yet */
    int64_t at;       /* mono: when it was said */
    uint64_t more;    /* the same since then */
    int64_t slot;     /* the last missed one among those */
};

struct journal {
    const char *name;                            /* the collector's; borrowed */
    struct journal_line lines[MISS_REASONS + 1]; /* missed, by reason; the last: trouble */
};

void journal_init(struct journal *j, const char *name);
void journal_trouble(struct journal *j, int64_t mono, const char *text);
/* The run due at `slot` comes in `wait` ns, though that time is over, and why. */
void journal_catching_up(const struct journal *j, int64_t slot, int64_t wait, const char *why);
/* `n` slots, the last of them `slot`; n = 0 is fine. */
void journal_missed(struct journal *j, int64_t mono, enum schedule_miss reason, uint64_t n,
                    int64_t slot, const char *why);
/* It has ended well, and nothing ever came from it: most likely its author expects what it prints to be taken. */
void journal_fruitless(const struct journal *j, int64_t output);
/* Says what is a minute old; once in a while, at every slot say. */
void journal_look(struct journal *j, int64_t mono);
/* Says all that is unsaid still: at the end. */
void journal_flush(struct journal *j);
