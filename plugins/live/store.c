/* live/store.c - an open-addressing table of places, found by the key's hash
 *
 * The hash has a seed of its own, so nobody can choose names that collide. An id is a place and how often that was
 * used before.
 */
#include "store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct store {
    struct series *places;
    size_t max;           /* of series that are not Garnet's own */
    size_t all, used;     /* places, and those that were ever used */
    size_t nothers, nown; /* series */
    size_t *vacant, nvacant;
    uint32_t *table; /* place + 1; 0: free */
    size_t mask;
    size_t key_bytes;
    uint64_t seed;
    struct stock stock;
};

struct store *store_new(size_t max_series)
{
    struct store *s = calloc(1, sizeof *s);
    size_t cap = 16;

    if (s == NULL)
        return NULL;
    while (cap < 2 * (max_series + STORE_OWN))
        cap *= 2;
    s->max = max_series;
    s->all = max_series + STORE_OWN;
    s->mask = cap - 1;
    s->stock.most = max_series;
    s->places = calloc(s->all, sizeof *s->places);
    s->vacant = calloc(s->all, sizeof *s->vacant);
    s->table = calloc(cap, sizeof *s->table);
    if (getrandom(&s->seed, sizeof s->seed, GRND_NONBLOCK) < 0)
        s->seed = (uint64_t)(uintptr_t)s;
    if (s->places == NULL || s->vacant == NULL || s->table == NULL) {
        store_free(s);
        return NULL;
    }
    return s;
}

void store_free(struct store *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->used; i++) {
        points_free(&s->places[i].points, &s->stock);
        free(s->places[i].key);
    }
    free(s->places);
    free(s->vacant);
    free(s->table);
    free(s);
}

static size_t home(const struct store *s, const char *key, size_t n)
{
    return XXH3_64bits_withSeed(key, n, s->seed) & s->mask;
}

/* The table's slot that has this key, or the free one where it belongs. */
static size_t slot_of(const struct store *s, garnet_str key)
{
    size_t i = home(s, key.s, key.n);

    for (; s->table[i] != 0; i = (i + 1) & s->mask) {
        const struct series *e = &s->places[s->table[i] - 1];

        if (e->nkey == key.n && memcmp(e->key, key.s, key.n) == 0)
            break;
    }
    return i;
}

/* What follows may have been put there because its own slot was taken: it moves up. */
static void vacate(struct store *s, size_t hole)
{
    size_t i = hole;

    for (;;) {
        const struct series *e;
        size_t want;

        i = (i + 1) & s->mask;
        if (s->table[i] == 0)
            break;
        e = &s->places[s->table[i] - 1];
        want = home(s, e->key, e->nkey);
        if (((i - want) & s->mask) < ((i - hole) & s->mask))
            continue;
        s->table[hole] = s->table[i];
        hole = i;
    }
    s->table[hole] = 0;
}

static bool is_own(garnet_str key)
{
    static const char own[] = "garnet.";
    garnet_str type, unit;

    return line_field(&key, &type) && line_field(&key, &unit) && key.n >= sizeof own - 1 &&
           memcmp(key.s, own, sizeof own - 1) == 0;
}

static bool has_room(const struct store *s, garnet_str key, bool own)
{
    if (own)
        return s->nown < STORE_OWN;
    return s->nothers < s->max && s->key_bytes + key.n <= s->max * STORE_KEY;
}

/* NULL: no memory. */
static struct series *add(struct store *s, garnet_str key, size_t slot, bool own)
{
    size_t place = s->nvacant > 0 ? s->vacant[s->nvacant - 1] : s->used;
    struct series *e = &s->places[place];
    char *copy = malloc(key.n + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, key.s, key.n);
    copy[key.n] = 0;
    if (s->nvacant > 0) {
        s->nvacant--;
        e->id += s->all;
    } else {
        s->used++;
        e->id = place;
    }
    e->key = copy;
    e->nkey = (uint32_t)key.n;
    e->points = (struct points){0};
    s->table[slot] = (uint32_t)place + 1;
    e->own = own;
    if (own) {
        s->nown++;
    } else {
        s->nothers++;
        s->key_bytes += key.n;
    }
    return e;
}

static void take_away(struct store *s, struct series *e)
{
    vacate(s, slot_of(s, (garnet_str){e->key, e->nkey}));
    points_free(&e->points, &s->stock);
    if (e->own) {
        s->nown--;
    } else {
        s->nothers--;
        s->key_bytes -= e->nkey;
    }
    free(e->key);
    e->key = NULL;
    s->vacant[s->nvacant++] = (size_t)(e - s->places);
}

enum store_answer store_take(struct store *s, const struct line *line, int64_t now_ms,
                             const struct series **series)
{
    size_t slot = slot_of(s, line->key);
    bool is_new = s->table[slot] == 0, own = is_new && is_own(line->key);
    struct series *e = is_new ? NULL : &s->places[s->table[slot] - 1];

    if (line->time_ms <= now_ms - POINTS_WINDOW_MS || line->time_ms > now_ms + STORE_AHEAD_MS)
        return STORE_NOT_NOW;
    if (is_new && !has_room(s, line->key, own))
        return STORE_LEFT_OUT;
    if (is_new && (e = add(s, line->key, slot, own)) == NULL)
        return STORE_NO_MEMORY;
    *series = e;
    points_drop(&e->points, &s->stock, now_ms - POINTS_WINDOW_MS);
    switch (points_add(&e->points, &s->stock, line->time_ms, line->value)) {
    case POINTS_TAKEN:
        return is_new ? STORE_NEW : STORE_POINT;
    case POINTS_LATE:
        return STORE_NOT_NOW;
    default:
        if (e->points.first == NULL)
            take_away(s, e);
        return STORE_NO_MEMORY;
    }
}

void store_sweep(struct store *s, int64_t now_ms, void (*gone)(void *arg, const struct series *),
                 void *arg)
{
    for (size_t i = 0; i < s->used; i++) {
        struct series *e = &s->places[i];

        if (e->key == NULL)
            continue;
        points_drop(&e->points, &s->stock, now_ms - POINTS_WINDOW_MS);
        if (e->points.first != NULL && e->points.newest_ms <= now_ms + STORE_AHEAD_MS)
            continue;
        gone(arg, e);
        take_away(s, e);
    }
}

size_t store_count(const struct store *s)
{
    return s->nothers + s->nown;
}

uint64_t store_shortened(const struct store *s)
{
    return s->stock.shortened;
}

size_t store_places(const struct store *s)
{
    return s->used;
}

const struct series *store_at(const struct store *s, size_t i)
{
    return i < s->used && s->places[i].key != NULL ? &s->places[i] : NULL;
}

const struct series *store_find(const struct store *s, uint64_t id)
{
    const struct series *e = store_at(s, (size_t)(id % s->all));

    return e != NULL && e->id == id ? e : NULL;
}
