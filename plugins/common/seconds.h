/* common/seconds.h - the end of a line: " SECONDS\n", which Graphite and Carbon 2.0 share */
#pragma once
#include <garnet/plugin.h>

/* Whole seconds: a point belongs to the second in which it was taken. < 1: before 1970-01-01
 * 00:00:01, which no reader stores. */
static inline int64_t seconds_of(const garnet_metric *m)
{
    return m->time_ns / 1000000000;
}

/* The last one that was written: metrics come many to a second. All zero: none was. */
struct seconds {
    int64_t value;
    char text[24], *begin;
};

/* seconds > 0 */
static inline void put_seconds(garnet *g, struct seconds *s, int64_t seconds)
{
    char *end = s->text + sizeof s->text, *at = end;

    if (seconds != s->value) {
        s->value = seconds;
        *--at = '\n';
        for (; seconds > 0; seconds /= 10)
            *--at = (char)('0' + seconds % 10);
        *--at = ' ';
        s->begin = at;
    }
    g->host->put(g, s->begin, (size_t)(end - s->begin));
}
