/* common/seconds.h - the end of a line: " SECONDS\n", which Graphite and Carbon 2.0 share */
#pragma once
#include <garnet/plugin.h>

/* Whole seconds: a point belongs to the second in which it was taken. < 1: before 1970-01-01
 * 00:00:01, which no reader stores. */
static inline int64_t seconds_of(const garnet_metric *m)
{
    return m->time_ns / 1000000000;
}

/* seconds > 0 */
static inline void put_seconds(garnet *g, int64_t seconds)
{
    char text[24], *at = text + sizeof text;

    *--at = '\n';
    for (; seconds > 0; seconds /= 10)
        *--at = (char)('0' + seconds % 10);
    *--at = ' ';
    g->host->put(g, at, (size_t)(text + sizeof text - at));
}
