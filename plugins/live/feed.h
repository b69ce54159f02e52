/* live/feed.h - what has changed, as server-sent events that all open pages read from one ring
 *
 *   {"s": [new series...], "g": [ids of series that are gone...], "p": [ms, [id, value, id, value...], ms, ...]}
 *
 * An event is made once, however many pages read it; a page has nothing but its place in the ring. Who is so slow
 * that the ring has gone over its place is cut off, and may begin anew. While nobody reads, nothing is made.
 */
#pragma once
#include "json.h"

enum { FEED_RING = 1024 * 1024, FEED_EVENT = 32 * 1024 };

struct feed {
    char *ring; /* made for the first reader */
    uint64_t end;
    size_t readers;
    struct json fresh, points; /* of the event that is being made */
    int64_t at_ms;             /* of the points that were put last */
};

void feed_free(struct feed *);
/* A reader begins here. False: no memory. */
bool feed_join(struct feed *, uint64_t *at);
void feed_leave(struct feed *);
void feed_new(struct feed *, const struct series *);
void feed_point(struct feed *, const struct series *, int64_t ms, double value);
void feed_gone(struct feed *, uint64_t id);
/* One event with this JSON; ends the one that is being made before. */
void feed_event(struct feed *, const struct json *);
void feed_comment(struct feed *); /* so that it shows who is gone */
/* Makes what was put readable. */
void feed_flush(struct feed *);
/* At most n bytes from *at on, which moves. 0: no more yet; -1: the ring has gone over that place. */
ptrdiff_t feed_read(const struct feed *, uint64_t *at, char *to, size_t n);
