/* daemon/removed.h - what becomes of the cursor of a sink that is no longer configured
 *
 * For spool.keep_removed it is set aside (spool/aside.h). Meanwhile its metrics stay in the spool as far
 * as they fit into half of max_size, and the sink that comes back, with the same plugin and `to`, goes
 * on where it was. Nothing is kept in memory: what is aside stands in the folder.
 */
#pragma once
#include "conf/conf.h"
#include "spool/append.h"

struct removed {
    const struct append *spool; /* borrowed, as is dir */
    const char *dir;            /* for messages */
    int64_t began;              /* mono, ns: when garnetd did */
};

/* What another sink of that name must have, too, to go on; never 0. */
uint64_t removed_identity(const struct conf_sink *s);
/* Its cursor is out of the way; logged. `id` 0: it was not known any more what sink that was. */
void removed_add(const struct removed *r, const struct conf_spool *c, const char *name,
                 uint64_t id);
/* Its cursor is there again, if there is one aside that is this sink's; logged. */
void removed_return(const struct removed *r, const struct conf_sink *s);
/* Once a second: what has been aside for long enough is removed, and logged. Returns the first metric
 * that is still held for one that is aside, or needed. */
uint64_t removed_needed(const struct removed *r, const struct conf_spool *c, uint64_t needed);
