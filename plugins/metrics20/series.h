/* series.h - which tags a metric has in Metrics 2.0: its identity, and its meta tags
 *
 * The tags are cleaned, and sorted by key: this order never depends on how a metric was sent. A
 * metric that cannot be written without loss or error has a fault instead. Everything lives in the
 * struct or in the metric, until the next one; it begins as zeros.
 */
#pragma once
#include "clean.h"
#include "unit.h"

enum { TAGS_MOST = 128 };                                         /* the host allows 64 */
enum unlisted { UNLISTED_KEEP, UNLISTED_MISSING, UNLISTED_DROP }; /* as in the option */
enum machine { MACHINE_HOST, MACHINE_SERVER };                    /* likewise */
enum unit_kind { UNIT_LISTED, UNIT_UNLISTED, UNIT_MISSING };

struct naming {
    enum style style;
    enum unlisted unlisted;
    enum machine machine;
    garnet_str name_tag, missing; /* missing: what stands for a unit that is missing */
    bool missing_drops;
};

struct tags {
    garnet_tag v[TAGS_MOST];
    size_t n;
};

struct series {
    struct tags tags, meta;
    enum unit_kind unit;      /* what the metric itself had */
    struct unit unit_text;    /* what is written */
    const char *fault, *what; /* why it has no line, and the text in question or "" */
    struct text text;
    struct units units;
};

/* False: s->fault and s->what. */
bool series_of(struct series *s, const struct naming *naming, const garnet_metric *m);
