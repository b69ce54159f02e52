/* spool/backlog.h - batches that the spool cannot take just now, in memory
 *
 * For a disk that is full, read-only or gone for a while. It holds at most BACKLOG_MAX bytes, its own
 * cost included; the caller refuses what does not fit. It keeps the order, so a metric's sequence
 * number is known before it is written. No reply says "accepted" before it is written.
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
