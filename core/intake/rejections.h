/* intake/rejections.h - what was wrong last in what one source sent: for `garnet explain`
 *
 * The last REJECTIONS of them, by name, place and reason. Of what a client sends before it asks for a reply no more than that are
 * written down at all (intake/reply.h): so `all` has more, and who finds nothing here knows of the last ones
 * only. Each takes its own length, 400 bytes at most. Without memory one is only counted.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"

enum { REJECTIONS = 256, REJECTION_NAME = 127, REJECTION_TEXT = 255 };

struct rejection {
    int64_t at;          /* wall ns */
    uint64_t line, byte; /* in what was sent; line 0: of no one place */
    struct str
        name; /* as it was sent, in JSON, without quotes; n == 0: there is none, or it cannot be told */
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
