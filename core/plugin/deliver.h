/* plugin/deliver.h - batches through a plugin that carries the bytes itself
 *
 * The plugin answers at once, or PENDING: then it keeps the batch's bytes, which stay where they are,
 * unaltered, until confirm(). Batches end in any order, and `settled` follows the oldest one that has
 * not; both offsets count the bytes of all batches handed over, which is what the position's marks count
 * in too. One that is to come again waits for its time, and nothing new is handed over before it.
 */
#pragma once
#include "base/throttle.h"
#include "plugin/batch.h"

struct deliver {
    struct plugin *plugin;
    struct pending pending;
    uint64_t id;      /* of the batch at hand: never used twice */
    uint32_t attempt; /* at that, so far */
    struct throttle throttle;
    bool down;        /* it does not work, and that is logged */
    int64_t retry_ns; /* mono: not before; the owner may hasten it */
    uint64_t sent, settled;
    /* `n` metrics of the batch that ends at offset `end` will never be accepted. */
    void (*rejected)(void *arg, uint64_t end, uint32_t n);
    void *arg;
};

/* From now on the plugin's reject() and confirm() count. */
void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg);
/* Whether another batch may be handed over now. */
bool deliver_may(const struct deliver *d, int64_t now);
/* GARNET_OK: it is handed over, and `sent` is behind it; RETRY: the same again when deliver_may()
 * says so; FATAL: plugin_why(). May block, as the next may. */
int deliver_batch(struct deliver *d, struct batch *b);
/* Takes what the plugin has confirmed, and hands over again what is due. OK, or FATAL. */
int deliver_turn(struct deliver *d, int64_t now);
/* ns until deliver_turn() or deliver_batch() has something to do; -1: no need. */
int64_t deliver_due(const struct deliver *d, int64_t now);
void deliver_free(struct deliver *d); /* after the plugin's close() */
