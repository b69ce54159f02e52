/* spool/backlog.h - batches that the spool cannot take just now, in memory
 *
 * For a disk that is full, read-only or gone for a while. Bounded: BACKLOG_MAX bytes, batches and
 * what they cost in all; what does not fit is refused, by the caller. In order, so the numbers that
 * the metrics will get are known before they are written: no answer says "accepted" before then.
 */
#ifndef SPOOL_BACKLOG_H
#define SPOOL_BACKLOG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/append.h"

enum { BACKLOG_MAX = 8 << 20 };

struct held_batch;

struct backlog { /* all zero: empty */
    struct held_batch *first, *last;
    size_t bytes;              /* of memory */
    uint64_t batches, metrics; /* in it */
};

/* Copies the batch. False: full, or no memory. */
bool backlog_put(struct backlog *b, const void *payload, size_t n, uint32_t count);
/* Appends from the oldest on, until it is empty: 0; or until an append fails: -1 with errno. */
int backlog_flush(struct backlog *b, struct append *a);
void backlog_clear(struct backlog *b);

#endif
