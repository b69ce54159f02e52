/* plugin/stats.h - a plugin's rows of counters and gauges, checked, and where their numbers go */
#pragma once
#include "base/why.h"
#include "garnet/plugin.h"
#include "model/statboard.h"

struct plugin_stats {
    const garnet_plugin *def;
    struct stat_row rows[STATS_MAX];
    const char *help[STATS_MAX];
    uint32_t n;
    struct statboard *board; /* NULL: nobody looks */
};

/* False: `why` is a clause about the plugin. `def` must stay. */
bool plugin_stats_read(struct plugin_stats *s, const garnet_plugin *def, struct why *why);
/* From now on `board` has the rows, and what becomes of them. */
void plugin_stats_show(struct plugin_stats *s, struct statboard *board);
/* A counter grows by v, a gauge becomes v. False: `why` is what the plugin may not do. */
bool plugin_stats_measure(const struct plugin_stats *s, uint32_t i, int64_t v, struct why *why);
