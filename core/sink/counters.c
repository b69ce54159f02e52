/* sink/counters.c - one table, open addressing, of the last value of each series under a 128-bit hash of
 * what makes it one
 *
 * Nothing is removed singly: what lies before the cut is dead, is overwritten when its series comes
 * again, and is left behind when the table is built anew. No memory for that counts as a full table:
 * the series gives no point, and the log says so once.
 */
#include "sink/counters.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#include "base/log.h"
#include "base/random.h"

enum { CAP_LEAST = 1024, CAP_MOST = COUNTERS_MOST + COUNTERS_MOST / 3 };

typedef unsigned __int128 u128;

struct number {
    union metric_value v;
    uint8_t vtype;
};
struct counted {
    u128 id;
    uint64_t seq;
    int64_t time_ns;
    struct number value; /* vtype 0: a free slot */
};

void counters_init(struct counters *c, int64_t mode, int64_t window)
{
    *c = (struct counters){.mode = mode, .window = window, .seed = random_u64()};
}

void counters_forget(struct counters *c)
{
    free(c->slots);
    c->slots = NULL;
    c->cap = c->n = 0;
    c->cut = c->purged = 0;
}

void counters_cut(struct counters *c, uint64_t seq)
{
    if (seq > c->cut)
        c->cut = seq;
}

/* --- series --- */

/* Under a seed that nobody knows, or a sender could find two that pass for one. */
static void mix_in(u128 *id, struct str s, uint64_t seed)
{
    static const u128 odd = (u128)UINT64_C(0x9e3779b97f4a7c15) << 64 | UINT64_C(0xf39cc0605cedc835);
    XXH128_hash_t h = XXH3_128bits_withSeed(s.s, s.n, seed);

    *id = *id * odd + ((u128)h.high64 << 64 | h.low64);
}

static u128 identity(const struct metric *m, uint64_t seed)
{
    u128 id = m->ntags;

    mix_in(&id, m->name, seed);
    mix_in(&id, m->unit, seed);
    mix_in(&id, m->prefix, seed);
    mix_in(&id, m->collector, seed);
    for (uint32_t i = 0; i < m->ntags; i++) {
        mix_in(&id, m->tags[i].key, seed);
        mix_in(&id, m->tags[i].val, seed);
    }
    return id;
}

/* The slot that holds it, or the free one where it belongs. */
static size_t find_slot(const struct counted *slots, size_t cap, u128 id)
{
    size_t at = (size_t)(((u128)(uint64_t)(id >> 64) * cap) >> 64);

    while (slots[at].value.vtype != 0 && slots[at].id != id)
        at = at + 1 < cap ? at + 1 : 0;
    return at;
}

static bool is_alive(const struct counters *c, const struct counted *s)
{
    return s->value.vtype != 0 && s->seq >= c->cut;
}

/* Half of it free afterwards, unless it is as large as it gets. */
static size_t cap_after(const struct counters *c)
{
    size_t cap = c->cap > 0 ? c->cap : CAP_LEAST, n = 0;

    for (size_t i = 0; i < c->cap; i++)
        n += is_alive(c, &c->slots[i]);
    while (n >= cap / 2 && cap < CAP_MOST)
        cap = cap * 2 < CAP_MOST ? cap * 2 : CAP_MOST;
    return cap;
}

static bool rebuild(struct counters *c)
{
    size_t cap = cap_after(c), n = 0;
    struct counted *slots = calloc(cap, sizeof *slots);

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < c->cap; i++)
        if (is_alive(c, &c->slots[i])) {
            slots[find_slot(slots, cap, c->slots[i].id)] = c->slots[i];
            n++;
        }
    free(c->slots);
    c->slots = slots;
    c->cap = cap;
    c->n = n;
    c->purged = c->cut;
    return true;
}

/* Makes room for one more. */
static bool slot_room(struct counters *c)
{
    if (c->n < c->cap - c->cap / 4)
        return true;
    return (c->cap < CAP_MOST || c->purged != c->cut) && rebuild(c) && c->n < c->cap - c->cap / 4;
}

static struct counted *slot_of(struct counters *c, const struct metric *m)
{
    u128 id = identity(m, c->seed);
    size_t at = 0;

    if (c->cap > 0 && c->slots[at = find_slot(c->slots, c->cap, id)].value.vtype != 0)
        return &c->slots[at];
    if (!slot_room(c)) {
        if (!c->reported_full)
            log_warn("more than %zu counters at a time: the others give no points", c->n);
        c->reported_full = true;
        return NULL;
    }
    at = find_slot(c->slots, c->cap, id);
    c->slots[at].id = id;
    c->n++;
    return &c->slots[at];
}

/* --- differences --- */

enum { SLIGHT = 64 }; /* a fall by less than this part is none of a restart */

static __int128 as_whole(const struct number *n)
{
    return n->vtype == METRIC_U64 ? (__int128)n->v.u : n->v.i;
}

static double as_double(const struct number *n)
{
    return n->vtype == METRIC_F64 ? n->v.f : (double)as_whole(n);
}

/* From `was` to something smaller, neither below 0. */
static __int128 wrapped(__int128 was, __int128 is)
{
    __int128 size = (__int128)1 << (was < (__int128)1 << 32 ? 32 : 64), moved = size - was + is;

    return moved < size / 8 ? moved : is;
}

static bool whole_difference(const struct number *was, const struct number *is, struct number *d)
{
    __int128 a = as_whole(was), b = as_whole(is), moved = b - a;

    if (moved < 0 && (b < 0 || -moved <= a / SLIGHT))
        return false;
    if (moved < 0)
        moved = wrapped(a, b);
    d->vtype = moved <= INT64_MAX ? METRIC_I64 : moved <= UINT64_MAX ? METRIC_U64 : METRIC_F64;
    if (d->vtype == METRIC_I64)
        d->v.i = (int64_t)moved;
    else if (d->vtype == METRIC_U64)
        d->v.u = (uint64_t)moved;
    else
        d->v.f = (double)moved;
    return true;
}

static bool difference(const struct number *was, const struct number *is, struct number *d)
{
    double a, b;

    if (was->vtype != METRIC_F64 && is->vtype != METRIC_F64)
        return whole_difference(was, is, d);
    a = as_double(was);
    b = as_double(is);
    d->vtype = METRIC_F64;
    d->v.f = b < a ? b : b - a;
    return d->v.f >= 0 && isfinite(d->v.f) && (b >= a || a - b > a / SLIGHT);
}

static bool put_rate(struct counters *c, struct metric *m, const struct number *d, uint64_t ns)
{
    double rate = as_double(d) / ((double)ns / 1e9);

    if (!isfinite(rate))
        return false;
    m->type = METRIC_RATE;
    m->vtype = METRIC_F64;
    m->value.f = rate;
    if (m->unit.n > 0 && m->unit.n <= METRIC_HARD_STRING) {
        memcpy(c->unit, m->unit.s, m->unit.n);
        memcpy(c->unit + m->unit.n, "/s", sizeof "/s");
        m->unit = (struct str){c->unit, m->unit.n + 2};
    }
    return true;
}

/* --- the metric at hand --- */

/* Two values of it are never within the window: somebody should know. */
static void check_pace(struct counters *c, const struct metric *m)
{
    if (c->reported_slow || m->interval_ns <= c->window)
        return;
    c->reported_slow = true;
    log_warn("counter \"%.*s\" comes less often than counter_window and gives no points: make that "
             "longer than the interval of its collector",
             (int)m->name.n, m->name.s);
}

static uint64_t between(int64_t from, int64_t to)
{
    return (uint64_t)to - (uint64_t)from;
}

bool counters_apply(struct counters *c, struct metric *m, uint64_t seq)
{
    struct number is, d;
    struct counted *slot, last;

    if (c->mode == COUNTERS_RAW || m->type != METRIC_COUNTER)
        return true;
    check_pace(c, m);
    if ((slot = slot_of(c, m)) == NULL)
        return false;
    last = *slot;
    is = (struct number){m->value, m->vtype};
    if (is_alive(c, &last) && m->time_ns <= last.time_ns &&
        between(m->time_ns, last.time_ns) <= (uint64_t)c->window)
        return false;
    *slot = (struct counted){last.id, seq, m->time_ns, is};
    if (!is_alive(c, &last) || m->time_ns <= last.time_ns ||
        between(last.time_ns, m->time_ns) > (uint64_t)c->window ||
        !difference(&last.value, &is, &d))
        return false;
    if (c->mode == COUNTERS_RATE)
        return put_rate(c, m, &d, between(last.time_ns, m->time_ns));
    m->type = METRIC_COUNT;
    m->vtype = d.vtype;
    m->value = d.v;
    return true;
}
