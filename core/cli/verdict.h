/* cli/verdict.h - whether all is well with a garnetd, by what it says of itself: pure policy
 *
 * failing   nothing that is sent can be kept, or a sink that has something to deliver has had nothing confirmed for five
 *           minutes. (So is a garnetd that does not answer, which is the caller's to find out.)
 * degraded  something is refused, has failed (and not run since), was rejected or dropped within the last ten minutes, or
 *           does not get on. A collector that runs less often is looked back at for two of its intervals.
 * healthy   else
 *
 * Every reason is a sentence of its own, the most important first.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum verdict_grade { VERDICT_HEALTHY, VERDICT_DEGRADED, VERDICT_FAILING };
const char *verdict_name(enum verdict_grade g);

struct verdict_bounds { /* beyond them is degraded; < 0: no bound. ns, metrics, ns */
    int64_t lag, queued;
};

struct verdict {
    enum verdict_grade grade;
    struct verdict_reason {
        enum verdict_grade grade;
        const char *text;
    } * reasons; /* in the arena; n of them, the gravest first */
    size_t n;
};

/* `status`: an answer of docs/control.md; `only`: the name of a collector or sink that it is about, or NULL. False: no
 * memory. */
bool verdict_of(struct verdict *v, struct arena *a, const json_t *status, const char *only,
                const struct verdict_bounds *bounds);
