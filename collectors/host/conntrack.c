/* conntrack - connections that the packet filter knows, how many it can, and what went wrong
 *
 * The counters have a line for each processor in /proc/net/stat/nf_conntrack, in hexadecimal and 32 bits; here they are
 * summed up, to 32 bits as well: so the sum begins anew as each of them does, at 2^32. Which column is which says the file's first line: it is not the same in all kernels.
 */
#include "host/reading.h"

#define STATS "/proc/net/stat/nf_conntrack"
#define COUNT "/proc/sys/net/netfilter/nf_conntrack_count"
#define MAX   "/proc/sys/net/netfilter/nf_conntrack_max"
#define STAT(key, of_unit)                                                                         \
    {                                                                                              \
        .name = "conntrack." key, .unit = (of_unit), .type = "counter", .file = STATS,             \
        .field = (key), .node_exporter = "node_nf_conntrack_stat_" key                             \
    }

static const struct figure FIGURES[] = {
    {.name = "conntrack.count",
     .unit = "conn",
     .type = "gauge",
     .file = COUNT,
     .field = "1st",
     .diamond = "conntrack.nf_conntrack_count",
     .collectd = "conntrack/conntrack",
     .node_exporter = "node_nf_conntrack_entries"},
    {.name = "conntrack.max",
     .unit = "conn",
     .type = "gauge",
     .file = MAX,
     .field = "1st",
     .collectd = "conntrack/conntrack-max",
     .node_exporter = "node_nf_conntrack_entries_limit"},
    STAT("found", "event"),
    STAT("invalid", "pckt"),
    STAT("insert_failed", "conn"),
    STAT("drop", "pckt"),
    STAT("early_drop", "conn"),
    STAT("search_restart", "event"),
};
enum { GAUGES = 2, COLUMNS = 32 };

static void put_gauge(struct host *h, const struct figure *f)
{
    char path[512];
    uint64_t v;
    struct str text, line;

    if (!host_text(h, f->file, &text))
        return;
    if (field_line(&text, &line) && field_next(&line, &v))
        host_u64(h, f, v);
    else
        host_complain(h, "%s: no number", host_path(h, f->file, path, sizeof path));
}

/* All lines below the first, column by column. False: a line is not like it. */
static bool sum_up(struct str text, size_t columns, uint32_t sums[COLUMNS])
{
    struct str line, word;
    uint64_t v;

    while (field_line(&text, &line))
        for (size_t i = 0; i < columns; i++) {
            if (!field_word(&line, &word) || !field_hex(word, &v) || v > UINT32_MAX)
                return false;
            sums[i] += (uint32_t)v;
        }
    return text.n == 0;
}

static void put_stats(struct host *h, struct str text)
{
    const struct figure *of[COLUMNS] = {NULL};
    uint32_t sums[COLUMNS] = {0};
    size_t columns = 0, hint = GAUGES;
    char path[512];
    struct str line, word;

    if (!field_line(&text, &line) || text.n == 0) {
        host_complain(h, "%s: no numbers below its first line",
                      host_path(h, STATS, path, sizeof path));
        return;
    }
    for (; columns < COLUMNS && field_word(&line, &word); columns++)
        of[columns] = reading_row(h, STATS, (struct str){0}, word, &hint);
    if (!sum_up(text, columns, sums)) {
        host_complain(h, "%s: its lines are not like the first",
                      host_path(h, STATS, path, sizeof path));
        return;
    }
    for (size_t i = 0; i < columns; i++)
        if (of[i] != NULL)
            host_u64(h, of[i], sums[i]);
}

static void conntrack_read(struct host *h)
{
    struct str text;

    put_gauge(h, &FIGURES[0]);
    put_gauge(h, &FIGURES[1]);
    if (host_text_if_any(h, STATS, &text))
        put_stats(h, text);
}

const struct subject conntrack_subject = {
    .name = "conntrack",
    .about = "connections that the packet filter knows: conntrack.count of conntrack.max, ...",
    .figures = FIGURES,
    .nfigures = sizeof FIGURES / sizeof *FIGURES,
    .read = conntrack_read,
    .optional = true,
};
