/* plugin/stats.c - as for rows of options: nothing in a row is believed before it is looked at, and a row may be longer
 * than we know, or hold more.
 */
#include "plugin/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/metric.h"

/* The size of a row in version 1.0: what every plugin's rows have at least. */
static const size_t ROW_1_0 = offsetof(garnet_stat, help) + sizeof(((garnet_stat *)0)->help);

enum { ROW_MOST = 64 << 10 }; /* that is sane */

_Static_assert((int)METRIC_COUNTER == (int)GARNET_COUNTER && (int)METRIC_GAUGE == (int)GARNET_GAUGE,
               "types differ");

static bool read_stat(struct plugin_stats *s, uint32_t i, struct why *why)
{
    const char *at = (const char *)s->def->stats + (size_t)i * s->def->stat_size, *fault;
    struct stat_row *row = &s->rows[i];
    garnet_stat o = {0};

    memcpy(&o, at, s->def->stat_size < sizeof o ? s->def->stat_size : sizeof o);
    o.name = o.name != NULL ? o.name : "";
    o.unit = o.unit != NULL ? o.unit : "";
    fault = o.flags != 0                     ? "has flags that this ABI does not have"
            : o.help == NULL || *o.help == 0 ? "has no help"
                                             : NULL;
    if (fault == NULL)
        fault = stat_fault(o.type, o.name, o.unit);
    if (fault != NULL)
        return why_set(why, "its counter or gauge %" PRIu32 ", \"%.*s\", %s", i, STAT_TEXT, o.name,
                       fault);
    for (uint32_t k = 0; k < i; k++)
        if (strcmp(s->rows[k].name, o.name) == 0)
            return why_set(why, "it has two counters or gauges %s", o.name);
    row->type = o.type;
    (void)snprintf(row->name, sizeof row->name, "%s", o.name);
    (void)snprintf(row->unit, sizeof row->unit, "%s", o.unit);
    s->help[i] = o.help;
    return true;
}

bool plugin_stats_read(struct plugin_stats *s, const garnet_plugin *def, struct why *why)
{
    *s = (struct plugin_stats){.def = def};
    if (def->nstats == 0)
        return true;
    if (def->stats == NULL || def->nstats > STATS_MAX || def->stat_size < ROW_1_0 ||
        def->stat_size > ROW_MOST || def->stat_size % sizeof(void *) != 0)
        return why_set(why,
                       "its counters and gauges cannot be read: %" PRIu32 " rows of %" PRIu32
                       " bytes; wanted at most %d of at least %zu bytes (GARNET_STATS fills this "
                       "in)",
                       def->nstats, def->stat_size, STATS_MAX, ROW_1_0);
    for (; s->n < def->nstats; s->n++)
        if (!read_stat(s, s->n, why))
            return false;
    return true;
}

void plugin_stats_show(struct plugin_stats *s, struct statboard *board)
{
    s->board = board;
    statboard_show(board, s->rows, s->n);
}

bool plugin_stats_measure(const struct plugin_stats *s, uint32_t i, int64_t v, struct why *why)
{
    if (i >= s->n)
        return why_set(why,
                       "it measures row %" PRIu32 " of its counters and gauges, and has %" PRIu32,
                       i, s->n);
    if (s->rows[i].type == METRIC_COUNTER && v < 0)
        return why_set(why, "it measures %" PRId64 " for its counter %s, which cannot go back", v,
                       s->rows[i].name);
    if (s->board == NULL)
        return true;
    if (s->rows[i].type == METRIC_COUNTER)
        statboard_add(s->board, i, v);
    else
        statboard_set(s->board, i, v);
    return true;
}
