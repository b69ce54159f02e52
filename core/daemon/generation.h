/* daemon/generation.h - one accepted configuration, for as long as anybody uses it
 *
 * A reload leaves most of what runs alone, and that goes on with the configuration which it was
 * started with: a worker reads its snapshot, a collector's entry points into its struct conf. So
 * each of them holds a reference.
 */
#pragma once
#include "conf/conf.h"

struct generation {
    struct conf *conf;
    int snapshot_fd; /* a memfd, sealed: what workers read */
    unsigned refs;
};

/* Takes `c`, and holds one reference. NULL with errno: `c` is still the caller's. */
struct generation *generation_new(struct conf *c, struct str snapshot);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */

/* A memfd that holds these bytes, for good; -1 with errno. */
int generation_seal(struct str bytes);
