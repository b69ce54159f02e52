/* intake/series.c - a set of 64-bit hashes, open addressing
 *
 * A hash is uniform already, so its slot is simply its share of the capacity, and the next free
 * one after that. Full means three quarters: the capacity at the limit is 4/3 of it, and each
 * smaller one half of the next. No memory to grow is an answer, and leaves the set as it was.
 */
#include "intake/series.h"

#include <stdlib.h>
#include <xxhash.h>

enum { SMALLEST = 64 };

static uint64_t hash_str(struct str s, uint64_t seed)
{
    return XXH3_64bits_withSeed(s.s, s.n, seed);
}

uint64_t series_hash(const struct metric *m, uint64_t seed)
{
    uint64_t h = hash_str(m->name, seed + m->type);

    h = hash_str(m->unit, h);
    for (uint32_t i = 0; i < m->ntags; i++)
        h = hash_str(m->tags[i].val, hash_str(m->tags[i].key, h));
    return h;
}

/* The slot that holds it, or the free one where it belongs. */
static size_t find(const uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t at = (size_t)(((unsigned __int128)hash * cap) >> 64);

    while (slots[at] != 0 && slots[at] != hash)
        at = at + 1 < cap ? at + 1 : 0;
    return at;
}

static size_t next_cap(size_t cap, size_t limit)
{
    size_t last = limit + limit / 3 + 2, shift = 0;

    while (last >> (shift + 1) > cap && last >> (shift + 1) >= SMALLEST)
        shift++;
    return last >> shift;
}

static bool grow(struct series *s, size_t limit)
{
    size_t cap = next_cap(s->cap, limit);
    uint64_t *slots = calloc(cap, sizeof *slots);

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i] != 0)
            slots[find(slots, cap, s->slots[i])] = s->slots[i];
    free(s->slots);
    s->slots = slots;
    s->cap = cap;
    return true;
}

enum series_answer series_add(struct series *s, uint64_t hash, size_t limit)
{
    hash += hash == 0; /* 0 is a free slot */
    if (s->cap > 0 && s->slots[find(s->slots, s->cap, hash)] == hash)
        return SERIES_KNOWN;
    if (s->n >= limit)
        return SERIES_FULL;
    if (s->n >= s->cap - s->cap / 4 && !grow(s, limit))
        return SERIES_NO_MEMORY;
    s->slots[find(s->slots, s->cap, hash)] = hash;
    s->n++;
    return SERIES_NEW;
}

void series_free(struct series *s)
{
    free(s->slots);
    *s = (struct series){0};
}
