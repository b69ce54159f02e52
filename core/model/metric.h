/* model/metric.h - one metric, and what makes one valid
 *
 * Everything a metric points to is borrowed: from the JSON it was parsed from, or from the spool
 * record it was decoded from. So a struct metric has no free, and is meant to be reused: it is
 * large (tags inside).
 */
#pragma once
#include "base/buf.h"
#include "base/why.h"

enum metric_type { /* the mtypes of Metrics 2.0; stored in the spool: never renumber */
                   METRIC_GAUGE = 1,
                   METRIC_COUNTER = 2,
                   METRIC_RATE = 3,
                   METRIC_COUNT = 4,
                   METRIC_TIMESTAMP = 5,
};
enum metric_vtype { METRIC_I64 = 1, METRIC_U64 = 2, METRIC_F64 = 4 };
enum { METRIC_TIME_ASSIGNED = 1 }; /* flags: Garnet set the time, not the sender */

enum {
    METRIC_MAX_TAGS = 64,    /* tags, and meta tags, each: the hard bound */
    METRIC_TAG_LENGTH = 512, /* bytes of a tag's key or value, in what is taken in */
};

struct tag {
    struct str key, val;
};

struct metric {
    uint8_t type, vtype, flags;
    uint32_t ntags, nmeta;
    int64_t time_ns;     /* Unix time */
    int64_t interval_ns; /* 0 = not known */
    union metric_value {
        int64_t i;
        uint64_t u; /* vtype U64 only for values above INT64_MAX */
        double f;   /* finite */
    } value;
    struct str name, unit;            /* unit.n == 0: none */
    struct str collector, prefix;     /* n == 0: none */
    struct tag tags[METRIC_MAX_TAGS]; /* sorted by key, no duplicates */
    struct tag meta[METRIC_MAX_TAGS]; /* likewise */
};

struct metric_limits { /* bytes and counts; all at most the hard bounds below */
    uint32_t max_name, max_tags, max_tag;
};
enum {
    METRIC_HARD_STRING = 4096
}; /* no string of a metric may be longer, whatever the limits say */

struct metric_fault { /* what is wrong with which field: `field` as a script author wrote it */
    char field[80];
    struct why why;
};

/* Whether a metric of this prefix (n == 0: none) and name would pass for one of Garnet's own: in a
 * dotted path empty parts vanish, and a prefix, or tags behind the name, are nothing but more parts.
 * What a sink matches its patterns against, and what a template may show, is the name alone. */
bool metric_is_garnets(struct str prefix, struct str name);
const char *metric_type_name(unsigned type); /* "gauge"; "?" for none */
bool metric_type_parse(struct str s, uint8_t *type);
/* Adds a tag in key order. An existing key: `replace` decides. False when full. */
bool metric_tag(struct tag *tags, uint32_t *n, struct str key, struct str val, bool replace);
/* A time as a sender writes it, in Unix seconds. Whole ones exactly; fractions to the microsecond,
 * which is what a double can hold of today's time, so that 1700000000.1 is not taken for .099999905.
 * False: not between 1970 and 2261. */
bool metric_seconds(double t, int64_t *ns);
/* Valid UTF-8, no control bytes (C0, DEL, C1). Empty passes. */
bool metric_text_ok(struct str s);
/* Every rule of docs/protocol.md on names, units, tags and meta; false and a fault for the first
 * broken one. */
bool metric_check(const struct metric *m, const struct metric_limits *lim, struct metric_fault *f);

enum metric_time { METRIC_TIME_US = 6, METRIC_TIME_NS = 9 }; /* so many digits of the second */

/* A metric as a collector would send it (docs/protocol.md), numbers exact and of their kind: an integer
 * has no point. Appends "name":...,"value":... and so on, without the braces; what the metric does not
 * have is left out. Fails only as the buf does. */
void metric_put_json(struct buf *b, const struct metric *m, enum metric_time digits);
void metric_put_value(struct buf *b, uint8_t vtype, union metric_value v); /* likewise exact */
void metric_put_time(struct buf *b, int64_t ns, enum metric_time digits);  /* Unix seconds */
/* ,"KEY":{"a":"b",...}; nothing without tags. */
void metric_put_tags(struct buf *b, const char *key, const struct tag *tags, uint32_t n);
