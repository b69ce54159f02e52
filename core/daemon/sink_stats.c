/* daemon/sink_stats.c - rows found by their names, in a table of fixed size. Cannot fail; names beyond the table are left
 * out, and logged.
 */
#include "daemon/sink_stats.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

static bool is_counter(const struct sink_stat *o)
{
    return o->row.type == METRIC_COUNTER;
}

/* The one of this name and type, made if need be; NULL: there is no place. */
static struct sink_stat *stat_like(struct sink_stats *s, const struct stat_row *row)
{
    for (uint32_t i = 0; i < s->n; i++)
        if (s->v[i].row.type == row->type && strcmp(s->v[i].row.name, row->name) == 0)
            return &s->v[i];
    if (s->n == SINK_STATS_MAX)
        return NULL;
    s->v[s->n] = (struct sink_stat){.row = *row, .at = -1};
    return &s->v[s->n++];
}

/* Once for each reason. */
static void warn_of_left_out(struct sink_stats *s, const char *sink, bool good)
{
    if (good && !s->full)
        log_warn("sink %s: its plugin has had more counters and gauges than %d: the others are not "
                 "among Garnet's "
                 "own metrics until garnetd is started anew",
                 sink, SINK_STATS_MAX);
    else if (!good && !s->wrong)
        log_warn("sink %s: its plugin has written over its counters and gauges: what is wrong of "
                 "them is left out",
                 sink);
    s->full |= good;
    s->wrong |= !good;
}

static void take_rows(struct sink_stats *s, const char *sink, const struct statboard *b)
{
    int n = statboard_rows(b);
    struct stat_row row;

    if (n < 0)
        return;
    for (uint32_t i = 0; i < s->n; i++)
        s->v[i].shown = false;
    for (int i = 0; i < n; i++) {
        bool good = statboard_row(b, (uint32_t)i, &row);
        struct sink_stat *o = good ? stat_like(s, &row) : NULL;

        if (o != NULL && !o->shown) {
            o->row = row; /* its unit may be another */
            o->shown = true;
            o->at = i;
        } else if (o == NULL) {
            warn_of_left_out(s, sink, good);
        }
    }
    s->taken = true;
}

void sink_stats_look(struct sink_stats *s, const char *sink, const struct statboard *b)
{
    if (!s->taken)
        take_rows(s, sink, b);
    for (uint32_t i = 0; i < s->n; i++) {
        struct sink_stat *o = &s->v[i];
        int64_t now = o->at >= 0 && is_counter(o) ? statboard_value(b, (uint32_t)o->at) : 0;

        o->here = now > o->here ? now : o->here;
    }
}

static int64_t total_of(const struct sink_stat *o)
{
    return o->here < INT64_MAX - o->before ? o->before + o->here : INT64_MAX;
}

void sink_stats_end(struct sink_stats *s, const char *sink, struct statboard *b)
{
    sink_stats_look(s, sink, b);
    for (uint32_t i = 0; i < s->n; i++) {
        s->v[i].before = total_of(&s->v[i]);
        s->v[i].here = 0;
        s->v[i].at = -1;
    }
    s->taken = false;
    statboard_clear(b);
}

static void write_stat(const struct self_round *at, const struct sink_stat *o, int64_t v)
{
    char name[32 + STAT_TEXT];

    (void)snprintf(name, sizeof name, "garnet.sink.plugin.%s", o->row.name);
    if (is_counter(o))
        self_count(at, BASIC, name, o->row.unit, NULL, (uint64_t)v);
    else
        self_signed(at, BASIC, name, o->row.unit, v);
}

void sink_stats_begun(struct sink_stats *s, const struct self_round *at)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (!s->v[i].begun && is_counter(&s->v[i]))
            write_stat(at, &s->v[i], 0);
        s->v[i].begun = true;
    }
}

void sink_stats_metrics(const struct sink_stats *s, const struct self_round *at,
                        const struct statboard *b)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct sink_stat *o = &s->v[i];

        if (o->shown && o->begun && is_counter(o))
            write_stat(at, o, total_of(o));
        else if (o->at >= 0 && b != NULL && !is_counter(o))
            write_stat(at, o, statboard_value(b, (uint32_t)o->at));
    }
}
