/* intake/rejections.h - what was wrong last in what one source sent: for `garnet explain`
 *
 * REJECTIONS of them, by name, place and reason. Of what comes faster than intake/reply.h writes it down only some are here:
 * so `all` has more, and who finds nothing here knows of these only. Each takes its own length, some 550 bytes at most.
 * Without memory one is only counted.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { REJECTIONS = 256, REJECTION_NAME = 255, REJECTION_TEXT = 255 };

struct faulty {      /* whose fault it is */
    struct str name; /* n == 0: it has none, or it cannot be told */
    bool values;     /* an object with `values`: all metrics that are called NAME.KEY */
};

struct rejection {
    int64_t at;          /* wall ns */
    uint64_t line, byte; /* in what was sent; line 0: of no one place */
    struct faulty who;
    struct str text; /* "value: must be a number, ..." */
};

struct kept_rejection;

struct rejections { /* all zero: none */
    struct kept_rejection **ring;
    size_t next, n; /* in the ring */
    uint64_t all;   /* that there were, kept or not */
};

void rejections_free(struct rejections *r);
/* Copied, and cut to what is kept. */
void rejections_add(struct rejections *r, const struct rejection *x);
/* The i-th from the newest on; borrowed until the next call. False: there are no more. */
bool rejections_get(const struct rejections *r, size_t i, struct rejection *out);
