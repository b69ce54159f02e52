/* sink/deliver.h - a batch through a plugin that carries the bytes itself */
#ifndef SINK_DELIVER_H
#define SINK_DELIVER_H
#include "base/throttle.h"
#include "sink/batch.h"

struct deliver {
    struct plugin *plugin;
    struct throttle throttle;
    uint32_t attempt; /* at the batch at hand, so far */
    bool told;        /* the log has heard that it does not work */
    int64_t retry_ns; /* mono: not before */
};

void deliver_init(struct deliver *d, struct plugin *p);
/* GARNET_OK, REJECT (the batch is done with), RETRY (not before retry_ns), FATAL: plugin->why.
 * May block. */
int deliver_batch(struct deliver *d, const struct batch *b);

#endif
