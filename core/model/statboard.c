/* model/statboard.c - rows of relaxed atomics: they come one by one, and a torn row is one of a plugin that scribbles.
 * Cannot fail.
 */
#include "model/statboard.h"

#include <string.h>

#include "base/text.h"
#include "model/metric.h"

static bool is_stat_unit(const char *s)
{
    const char *p = s;

    while (*p > ' ' && *p < 0x7f)
        p++;
    return *p == 0 && p - s <= STAT_TEXT;
}

const char *stat_fault(uint32_t type, const char *name, const char *unit)
{
    if (!text_is_name(name, STAT_TEXT))
        return "has a name that is not [a-z][a-z0-9_]*, of at most 32";
    if (type != METRIC_COUNTER && type != METRIC_GAUGE)
        return "has a type that is neither GARNET_COUNTER nor GARNET_GAUGE";
    return is_stat_unit(unit) ? NULL : "has a unit that is not up to 32 visible ASCII characters";
}

/* --- the worker's --- */

static void share_text(_Atomic char to[STAT_TEXT + 1], const char from[STAT_TEXT + 1])
{
    for (int i = 0; i <= STAT_TEXT; i++)
        atomic_store_explicit(&to[i], from[i], memory_order_relaxed);
}

void statboard_show(struct statboard *b, const struct stat_row *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        atomic_store(&b->rows[i].type, rows[i].type);
        share_text(b->rows[i].name, rows[i].name);
        share_text(b->rows[i].unit, rows[i].unit);
    }
    atomic_store(&b->n, n + 1);
}

void statboard_add(struct statboard *b, uint32_t i, int64_t v)
{
    int64_t sum;

    if (__builtin_add_overflow(statboard_value(b, i), v, &sum))
        sum = INT64_MAX;
    statboard_set(b, i, sum);
}

void statboard_set(struct statboard *b, uint32_t i, int64_t v)
{
    atomic_store_explicit(&b->rows[i].value, v, memory_order_relaxed);
}

/* --- garnetd's --- */

int statboard_rows(const struct statboard *b)
{
    uint32_t n = atomic_load(&b->n);

    return n <= STATS_MAX ? (int)n - 1 : STATS_MAX;
}

static void copy_shared(char to[STAT_TEXT + 1], const _Atomic char from[STAT_TEXT + 1])
{
    for (int i = 0; i < STAT_TEXT; i++)
        to[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
    to[STAT_TEXT] = 0;
}

bool statboard_row(const struct statboard *b, uint32_t i, struct stat_row *to)
{
    to->type = atomic_load(&b->rows[i].type);
    copy_shared(to->name, b->rows[i].name);
    copy_shared(to->unit, b->rows[i].unit);
    return stat_fault(to->type, to->name, to->unit) == NULL;
}

int64_t statboard_value(const struct statboard *b, uint32_t i)
{
    return atomic_load_explicit(&b->rows[i].value, memory_order_relaxed);
}

void statboard_clear(struct statboard *b)
{
    atomic_store(&b->n, 0);
    for (uint32_t i = 0; i < STATS_MAX; i++)
        statboard_set(b, i, 0);
}
