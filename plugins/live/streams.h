/* live/streams.h - the open pages: each is a response without an end, which reads the feed
 *
 * A stream has a place in the feed's ring, and waits (suspended, as libmicrohttpd calls it) while there is nothing
 * behind it. One that cannot keep up is ended; the page then asks anew for all that it shows.
 */
#pragma once
#include <microhttpd.h>
#include <sys/queue.h>

#include "feed.h"

struct streams {
    struct feed feed;
    size_t most;  /* how many there may be */
    uint64_t cut; /* those that were ended as too slow */
    LIST_HEAD(, stream) all;
};

/* A response that begins with what `first` holds as one event. NULL: no memory. Whether one more is allowed is asked before. */
struct MHD_Response *streams_open(struct streams *, struct MHD_Connection *,
                                  const struct json *first);
bool streams_full(const struct streams *);
/* Who waits and has something to read goes on with the next MHD_run(); with `all`, everybody, before the daemon stops. */
void streams_wake(struct streams *, bool all);
