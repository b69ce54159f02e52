/* daemon/recall.h - the answer to "where is this metric?" on the control socket: what garnetd remembers of its name
 *
 * Which names have come, with when and from whom (intake/names.h), and what was rejected of each source
 * (intake/rejections.h). docs/control.md describes it member by member. Whoever may connect asks, with a pattern of his
 * own, so it takes four milliseconds, and little more: where those do not do, the answer says so.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct collectors;
struct intake;
struct source;

struct recall_from {             /* borrowed */
    const struct intake *intake; /* NULL: closed, as is `shared` */
    const struct source *shared;
    const struct collectors *collectors;
};

/* Appends a JSON object. */
void recall_put(struct buf *out, const char *metric, const struct recall_from *from);
