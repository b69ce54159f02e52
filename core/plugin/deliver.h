/* plugin/deliver.h - batches through a plugin that carries the bytes itself
 *
 * The plugin answers at once, or PENDING: then it keeps the batch's bytes, which stay where they are,
 * unaltered, until confirm(). Batches end in any order, and `settled` follows the oldest one that has
 * not; both offsets count the bytes of all batches handed over, which is what the position's marks count
 * in too.
 *
 * There are two ways to fail. RETRY from deliver() of a new batch: the plugin takes no more now. That one stays
 * with the caller, and no other is handed over before its pause has passed; those that are out go on.
 * RETRY of one that was taken: it waits for a pause of its own, and all others go on, unless the plugin is
 * ORDERED. Then nothing is handed over before it. Where the output carries no time it is judged by its age before it comes
 * again: with one metric in it that is too old all of it is dropped. (Of the batch at hand the caller does that.)
 *
 * Nothing gets through is a state (`down`), in the log as it begins and ends; that single batches fail is not.
 */
#pragma once
#include "plugin/batch.h"
#include "plugin/pending.h"

struct deliver_loss {  /* metrics of one batch that are dropped */
    uint64_t end;      /* offset behind the batch */
    bool stale;        /* all of them: one is too old by now. Else they will never be accepted */
    uint32_t n, of;    /* so many, of so many that it has */
    uint32_t first;    /* the first one that was named: which of those it is, */
    uint64_t place;    /* and in the spool, plus one; 0: not known */
    const char *why;   /* NULL if stale */
    int64_t eldest_ns; /* wall: the oldest is of then */
};

struct deliver {
    struct plugin *plugin;
    struct pending pending;
    unsigned most;      /* of them */
    int64_t max_age;    /* ns; 0: they are sent, however old */
    uint64_t id;        /* of the batch at hand: never used twice */
    uint32_t attempt;   /* at that, so far */
    struct pause pause; /* of all that is new */
    bool rests;         /* nothing is handed over: its owner waits for what is out */
    uint64_t sent, settled;
    uint64_t ended; /* batches that were accepted or rejected */
    uint64_t
        youngest; /* of those: the largest id. A smaller one that is not among them was overtaken */
    unsigned failures;  /* since the last of them, of batches that are not overtaken */
    int64_t failing_ns; /* mono: the first of these */
    int64_t ended_ns;   /* mono: the last of them */
    bool down, said;    /* nothing gets through, and that is in the log */
    bool stalled;       /* the plugin has batches, and says nothing of them */
    struct ratelimit downs, singles;
    void (*lost)(void *arg, const struct deliver_loss *loss);
    void *arg;
};

/* From now on the plugin's reject() and confirm() count. */
void deliver_init(struct deliver *d, struct plugin *p, int64_t max_age,
                  void (*lost)(void *arg, const struct deliver_loss *loss), void *arg);
/* Whether another batch may be handed over now. */
bool deliver_may(const struct deliver *d, int64_t now);
/* GARNET_OK: it is handed over, and `sent` is behind it; RETRY: the same again when deliver_may()
 * says so; FATAL: plugin_why(). May block, as the next may. */
int deliver_batch(struct deliver *d, struct batch *b);
void deliver_anew(struct deliver *d); /* the batch at hand is not the same any more */
/* Takes what the plugin has confirmed. */
void deliver_look(struct deliver *d);
/* That, drops one that is too old to come again, or hands over again one that is due: who was told to stop is not to
 * wait for more. OK, or FATAL. */
int deliver_turn(struct deliver *d, int64_t now);
/* ns until deliver_turn() or deliver_batch() has something to do; -1: no need. */
int64_t deliver_due(const struct deliver *d, int64_t now);
/* The plugin has batches that may yet be confirmed: not for too long. */
bool deliver_in_flight(const struct deliver *d, int64_t now);
void deliver_hurry(struct deliver *d); /* pauses end, but for those that the peer asked for */
void deliver_free(struct deliver *d);  /* after the plugin's close() */
