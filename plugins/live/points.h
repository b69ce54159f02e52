/* live/points.h - the points of one series within the last ten minutes, small
 *
 * A point takes six bytes: its time in 10 ms from the beginning of its chunk, and its value as a float, for
 * large values as the difference to the chunk's first. So a time is true to 5 ms, and a value to seven digits or
 * more. Chunks are freed whole, once all in them is old; so a little more than ten minutes is kept.
 *
 * Each series may have POINTS_SHARE chunks, which is ten minutes of a point a second. Who has more
 * points takes what there is in the common stock; once that is used up its own oldest chunk gives way.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_POINTS = 64, POINTS_SHARE = 11, POINTS_WINDOW_MS = 10 * 60 * 1000 };

struct chunk;

struct points {
    struct chunk *first, *last;
    double newest; /* its value, as it came */
    int64_t newest_ms;
    uint32_t nchunks;
};

/* What all series have together beyond their share, in chunks. */
struct stock {
    size_t most, used;
    uint64_t shortened; /* chunks that gave way while they were young */
};

enum points_answer { POINTS_TAKEN, POINTS_LATE, POINTS_NO_MEMORY };

/* All zero is a valid empty struct points. LATE: not newer than the newest one. */
enum points_answer points_add(struct points *, struct stock *, int64_t ms, double value);
/* Frees the chunks in which nothing is as young as `from`. */
void points_drop(struct points *, struct stock *, int64_t from_ms);
void points_free(struct points *, struct stock *);

/* Goes through them from the oldest on. */
struct points_at {
    const struct chunk *chunk;
    uint32_t i;
};
struct points_at points_begin(const struct points *);
bool points_next(struct points_at *, int64_t *ms, double *value);
