/* cli/explain_seen.h - what a spool has of some series: the last two metrics of each, and which names there are at all
 *
 * Bounded: SEEN_SERIES of what is looked for, SEEN_NAMES of all others, to find near ones. What was not kept is counted, so
 * that whoever asks can say "not among the last N" and never "no".
 */
#pragma once
#include <sys/queue.h>

#include "base/arena.h"
#include "cli/follow.h"

enum { SEEN_SERIES = 256, SEEN_NAMES = 16384 };

struct seen_series {
    struct buf last, before; /* records: the newest, and the one before that */
    uint64_t seq, count;     /* of the newest; of all */
    int64_t time_ns;         /* of the newest */
    STAILQ_ENTRY(seen_series) others;
};

struct seen {
    const char *glob; /* what is looked for */
    STAILQ_HEAD(, seen_series) series;
    unsigned nseries;
    uint64_t unkept; /* series that matched and were too many */
    uint64_t metrics, left_out;
    int64_t oldest_ns;  /* the first metric that was seen */
    struct arena arena; /* of the names */
    const char **names; /* a table of SEEN_NAMES slots */
    unsigned nnames;
    bool failed; /* no memory */
};

bool seen_init(struct seen *s, const char *glob); /* false: no memory; seen_free() either way */
void seen_take(struct seen *s, const struct follow *f,
               const struct metric *m); /* what a FOLLOW_METRIC has */
/* The name that is nearest to `name`; NULL: none is near. */
const char *seen_near(const struct seen *s, const char *name);
void seen_free(struct seen *s);
