/* daemon/orphans.h - what a sink's plugin has left, or a killed keeper of a nursery that was killed, too
 *
 * garnetd is a subreaper, so it inherits those processes; they are killed, until none is left, for
 * 5 s at most. That goes on in the background, and garnetd does not end before it is over.
 */
#pragma once
#include "base/loop.h"

struct orphans {
    struct loop *loop;
    struct loop_timer timer; /* the next look */
    int64_t until;           /* mono: how long they are looked for */
    void (*over)(void *arg);
    void *arg;
};

/* From here on they are inherited. `over` is called after each search, orphans_search() included. */
void orphans_init(struct orphans *o, struct loop *l, void (*over)(void *arg), void *arg);
void orphans_search(struct orphans *o); /* now */
/* Soon: within a second, and with others that come by then. `hurry`: from the next turn on. */
void orphans_search_soon(struct orphans *o, bool hurry);
bool orphans_searching(const struct orphans *o);
