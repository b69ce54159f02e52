/* plugin/pending.h - the batches in flight: those that a plugin has, and what it says of them
 *
 * A ring, oldest first: what a plugin was given stays where it is, unaltered, until its end. What the
 * plugin says of a batch while one of its functions runs (reject(), confirm()) is only noted
 * here; plugin/deliver.h takes the note when that function has returned. An id is never used twice.
 */
#ifndef PLUGIN_PENDING_H
#define PLUGIN_PENDING_H
#include "base/buf.h"
#include "garnet/plugin.h"
#include "plugin/call.h"

struct pending_batch {
    garnet_batch batch;
    struct buf bytes; /* owned once it is kept; before that the caller's */
    uint64_t end;     /* offset behind it */
    enum pending_state {
        PENDING_NONE,
        PENDING_CALLED, /* deliver() runs, with this one */
        PENDING_OPEN,   /* the plugin has it */
        PENDING_AGAIN,  /* the plugin is to get it again */
        PENDING_DONE
    } state;
    uint64_t confirmed; /* which of the confirmations it is, until that is settled; 0: none */
    int answer;
    struct why why;    /* of that answer */
    uint32_t rejected; /* metrics that reject() has named */
    uint8_t *marked;   /* those, by bit; NULL: none */
    uint32_t first;    /* the first one named, and */
    struct why first_why;
};

struct pending {
    struct call *call; /* where it is noted that the plugin broke a rule */
    struct pending_batch v[GARNET_PENDING_MAX];
    unsigned head, n;
    uint64_t id;      /* of the batch at hand */
    uint32_t attempt; /* at that, so far */
    uint64_t confirmations;
};

void pending_init(struct pending *p, struct call *c);
bool pending_full(const struct pending *p);
bool pending_again(const struct pending *p); /* whether one is to be handed over again */
/* The i-th oldest of n. */
struct pending_batch *pending_nth(struct pending *p, unsigned i);

/* The batch at hand, which is none of the n yet: not when full. Then either of: */
struct pending_batch *pending_at_hand(struct pending *p, const struct buf *bytes,
                                      uint32_t nmetrics);
void pending_add(struct pending *p, uint64_t end); /* it is the youngest of them */
void pending_put_back(struct pending *p);          /* it comes again as the batch at hand */

/* Around deliver(): its answer, or what the plugin confirmed meanwhile. */
void pending_enter(struct pending_batch *b);
int pending_leave(struct pending_batch *b, int answer);
/* The plugin keeps these bytes of it, until it ends. */
void pending_keep(struct pending_batch *b, struct buf bytes);
/* The one that was confirmed first since the last look, with `answer` and `why`; NULL: none. */
struct pending_batch *pending_confirmed(struct pending *p);
/* It ends with OK or REJECT, or is to come again with RETRY: how many of its metrics are rejected.
 * Logs them, with the reason. */
uint32_t pending_end(struct pending_batch *b, int answer, const char *why);
/* Forgets the oldest if it is done: false when it is not, or there is none. */
bool pending_shift(struct pending *p, uint64_t *end);
void pending_free(struct pending *p); /* after the plugin's close() */

/* The plugin's calls. */
void pending_reject(struct pending *p, uint64_t id, uint32_t index, const char *why);
void pending_confirm(struct pending *p, uint64_t id, int answer);

#endif
