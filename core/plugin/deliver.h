/* plugin/deliver.h - batches through a plugin that carries the bytes itself
 *
 * The plugin answers at once, or PENDING: then the batch's bytes are kept until confirm(). Batches
 * are settled in any order, and `settled` follows the oldest one that is not; both offsets count
 * the bytes of all batches handed over, which is what the position's marks count in too. One that
 * is to come again waits for its time, and nothing new is handed over before it.
 */
#ifndef PLUGIN_DELIVER_H
#define PLUGIN_DELIVER_H
#include "base/throttle.h"
#include "plugin/batch.h"

struct pending { /* a batch that the plugin has, or is to get again */
    garnet_batch batch;
    struct buf bytes; /* owned once it is pending; before that the caller's */
    uint64_t end;     /* offset behind it */
    uint32_t rejected;
    uint8_t *marked; /* metrics that reject() has named, by bit; NULL: none */
    uint32_t first;  /* the first one named, and */
    char why[160];   /* why */
    enum { PENDING_NONE, PENDING_CALLED, PENDING_OPEN, PENDING_AGAIN, PENDING_DONE } state;
    bool confirmed; /* from within its own deliver(): `early` */
    int early;
};

struct deliver {
    struct plugin *plugin;
    struct throttle throttle;
    bool told;        /* the log has heard that it does not work */
    int64_t retry_ns; /* mono: not before */
    uint32_t attempt; /* at the batch at hand, so far, while that is not pending */
    uint64_t id;      /* of the batch at hand */
    /* A ring, oldest first: what a plugin was given stays where it is until it has ended. */
    struct pending pending[GARNET_PENDING_MAX];
    unsigned head, n;
    uint64_t sent, settled;
    /* `n` metrics of the batch that ends at offset `end` will never be accepted. */
    void (*rejected)(void *arg, uint64_t end, uint32_t n);
    void *arg;
};

void deliver_init(struct deliver *d, struct plugin *p,
                  void (*rejected)(void *arg, uint64_t end, uint32_t n), void *arg);
/* Whether another batch may be handed over now. */
bool deliver_may(const struct deliver *d, int64_t now);
/* GARNET_OK: it is handed over, and `sent` is behind it; RETRY: the same again when deliver_may()
 * says so; FATAL: plugin->why. May block, as the next may. */
int deliver_batch(struct deliver *d, struct batch *b);
/* Hands over again what is due. OK, or FATAL. */
int deliver_turn(struct deliver *d, int64_t now);
int64_t deliver_due(const struct deliver *d,
                    int64_t now);      /* ns until one of the two; -1: no need */
void deliver_hurry(struct deliver *d); /* what waits for its next attempt gets it now */
void deliver_free(struct deliver *d);  /* after the plugin's close() */

/* The plugin's calls, for plugin_host.c */
void deliver_reject(struct deliver *d, uint64_t id, uint32_t index, const char *why);
void deliver_confirm(struct deliver *d, uint64_t id, int answer);

#endif
