/* live/store.h - which series there are, each with its points
 *
 * At most max_series at a time, whose keys have at most STORE_KEY bytes each on an average: what is beyond
 * is left out. Garnet's own metrics, which tell how collectors and sinks are, have STORE_OWN places beside these. A series of which nothing has come for ten minutes is removed. So the
 * memory has a bound, whatever is sent.
 * store_free() is the one free of all.
 */
#pragma once
#include <garnet/plugin.h>

#include "line.h"
#include "points.h"

enum { STORE_KEY = 512, STORE_OWN = 2048, STORE_AHEAD_MS = 60 * 1000 };

struct series {
    char *key; /* line.h; NULL: a free place */
    uint32_t nkey;
    bool own;    /* one of Garnet's own metrics: nobody else can send such a name */
    uint64_t id; /* never used twice */
    struct points points;
};

struct store;

enum store_answer {
    STORE_POINT,
    STORE_NEW,     /* a point, the first of its series */
    STORE_NOT_NOW, /* older than the series' newest, than ten minutes, or more than a minute ahead */
    STORE_LEFT_OUT, /* there are max_series already */
    STORE_NO_MEMORY
};

/* NULL: no memory. */
struct store *store_new(size_t max_series);
void store_free(struct store *);
/* *series is the one that it was of, for POINT and NEW. */
enum store_answer store_take(struct store *, const struct line *, int64_t now_ms,
                             const struct series **series);
/* Drops what is too old by now, and series that end in the future, since the clock was set back: nothing would be new
 * to them until it is there. Tells of each series that goes, which is still whole then. */
void store_sweep(struct store *, int64_t now_ms, void (*gone)(void *arg, const struct series *),
                 void *arg);
size_t store_count(const struct store *);
uint64_t
store_shortened(const struct store *); /* chunks of points that gave way before their time */
/* The series in place i, or NULL; there are store_places() of them. */
const struct series *store_at(const struct store *, size_t i);
size_t store_places(const struct store *);
/* NULL: there is none, or no more. */
const struct series *store_find(const struct store *, uint64_t id);
