/* intake/quota.c - the limits of a run: bytes, metrics, series
 *
 * The series are a set of 64-bit hashes with open addressing: a hash is uniform already, so its
 * slot is simply its share of the capacity, and the next free one after that. Full means three
 * quarters: the capacity at the limit is 4/3 of it, and each smaller one half of the next. No
 * memory to grow is an answer, and leaves the set as it was.
 *
 * A series that has been let in once goes on, whatever comes beside it: only new ones are beyond
 * the limit. Without memory to remember a new series it is refused, and says so.
 */
#include "intake/quota.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/number.h"

/* --- a set of series --- */

enum { SMALLEST = 64 };

uint64_t series_hash_text(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.s, s.n, seed);
}

uint64_t series_hash(const struct metric *m, uint64_t seed)
{
    uint64_t h = series_hash_text(m->name, seed + m->type);

    h = series_hash_text(m->unit, h);
    for (uint32_t i = 0; i < m->ntags; i++)
        h = series_hash_text(m->tags[i].val, series_hash_text(m->tags[i].key, h));
    return h;
}

/* The slot that holds it, or the free one where it belongs. */
static size_t slot_for(const uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t at = (size_t)(((unsigned __int128)hash * cap) >> 64);

    while (slots[at] != 0 && slots[at] != hash)
        at = at + 1 < cap ? at + 1 : 0;
    return at;
}

static size_t next_size(size_t cap, size_t limit)
{
    size_t last = limit + limit / 3 + 2, shift = 0;

    while (last >> (shift + 1) > cap && last >> (shift + 1) >= SMALLEST)
        shift++;
    return last >> shift;
}

static bool grow_set(struct series *s, size_t limit)
{
    size_t cap = next_size(s->cap, limit);
    uint64_t *slots = calloc(cap, sizeof *slots);

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i] != 0)
            slots[slot_for(slots, cap, s->slots[i])] = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->cap = cap;
    return true;
}

enum series_answer series_add(struct series *s, uint64_t hash, size_t limit)
{
    hash += hash == 0; /* 0 is a free slot */
    if (s->cap > 0 && s->slots[slot_for(s->slots, s->cap, hash)] == hash)
        return SERIES_KNOWN;
    if (s->n >= limit)
        return SERIES_FULL;
    if (s->n >= s->cap - s->cap / 4 && !grow_set(s, limit))
        return SERIES_NO_MEMORY;
    s->slots[slot_for(s->slots, s->cap, hash)] = hash;
    s->n++;
    return SERIES_NEW;
}

void series_free(struct series *s)
{
    free(s->slots);
    *s = (struct series){0};
}

/* --- limits --- */

void quota_start(struct quota *q, int64_t now)
{
    q->began = now;
    q->metrics = q->bytes = 0;
    series_free(&q->series);
}

static void new_window(struct quota *q, int64_t now)
{
    if (q->window_ns > 0 && now - q->began >= q->window_ns)
        quota_start(q, now);
}

/* b holds WHAT LIMIT, which becomes WHAT LIMIT " that one run may send: raise KEY", and is freed. */
static void explain(const struct quota *q, struct buf *b, const char *key, struct metric_fault *f)
{
    if (q->window_ns > 0) {
        buf_puts(b, " that may come in ");
        units_put_duration(b, q->window_ns);
    } else {
        buf_puts(b, " that one run may send");
    }
    f->field[0] = 0;
    if (buf_ok(b))
        why_set(&f->why, "%.*s: raise %s", (int)b->n, b->p, key);
    else
        why_set(&f->why, "beyond a limit: raise %s", key);
    buf_free(b);
}

size_t quota_room(struct quota *q, size_t want, int64_t now)
{
    int64_t left;

    new_window(q, now);
    if (q->limits.bytes_limit == 0)
        return want;
    left = q->bytes < q->limits.bytes_limit ? q->limits.bytes_limit - q->bytes : 0;
    return (uint64_t)left < want ? (size_t)left : want;
}

void quota_read(struct quota *q, size_t n)
{
    q->bytes += (int64_t)n;
}

void quota_over(struct quota *q, struct metric_fault *f)
{
    struct buf b = {0};

    q->refused->bytes++;
    buf_puts(&b, "more than the ");
    units_put_size(&b, q->limits.bytes_limit);
    explain(q, &b, "bytes_limit", f);
}

static bool count_series(struct quota *q, const struct metric *m, struct metric_fault *f)
{
    struct buf b = {0};

    switch (series_add(&q->series, series_hash(m, q->seed), (size_t)q->limits.series_limit)) {
    case SERIES_FULL:
        q->refused->series++;
        buf_putf(&b, "is a new series beyond the %" PRId64, q->limits.series_limit);
        explain(q, &b, "series_limit", f);
        (void)snprintf(f->field, sizeof f->field, "name");
        return false;
    case SERIES_NO_MEMORY:
        *f = (struct metric_fault){.why = {"no memory to count this series"}};
        return false;
    default:
        return true;
    }
}

bool quota_metric(struct quota *q, const struct metric *m, int64_t now, struct metric_fault *f)
{
    struct buf b = {0};

    new_window(q, now);
    if (q->limits.metrics_limit > 0 && q->metrics >= q->limits.metrics_limit) {
        q->refused->metrics++;
        buf_putf(&b, "one more than the %" PRId64, q->limits.metrics_limit);
        explain(q, &b, "metrics_limit", f);
        return false;
    }
    if (q->limits.series_limit > 0 && !count_series(q, m, f))
        return false;
    q->metrics++;
    return true;
}
