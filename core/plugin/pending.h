/* plugin/pending.h - the batches that a plugin has, or is to get again
 *
 * A list, oldest first, which grows and shrinks with what is in it; nothing here calls the plugin. What the
 * plugin says of a batch (plugin/host.h) is noted with the batch, and taken by plugin/deliver.h in the order
 * in which it was said.
 */
#pragma once
#include <sys/queue.h>

#include "base/buf.h"
#include "base/throttle.h"
#include "base/why.h"
#include "garnet/plugin.h"

struct pause { /* before the next attempt; all zero but the throttle: none */
    struct throttle throttle;
    int64_t until; /* mono */
    int64_t least; /* mono: it is not cut shorter than that, as the peer has asked for it */
};

struct
    places { /* where in the spool each metric of a batch is, as far as there was memory to note it */
    uint64_t *v;
    uint32_t cap;
};

enum pending_state {
    PENDING_CALLED, /* deliver() runs, with this one */
    PENDING_OPEN,   /* the plugin has it */
    PENDING_AGAIN   /* the plugin is to get it again, after its pause */
};

struct pending_batch {
    garnet_batch batch;   /* as the plugin has it */
    struct buf bytes;     /* owned once it is kept; before that none */
    struct places places; /* owned as the bytes are; before that the caller's */
    uint64_t begin, end;  /* offsets: where it begins, and behind it */
    int64_t eldest_ns;    /* wall: of the oldest metric in it */
    enum pending_state state;
    struct pause pause;
    int64_t handed_ns; /* mono: to the plugin, the last time */
    /* What was said of it. */
    bool confirmed;    /* with what follows, and that is not settled yet */
    int answer;        /* RETRY: */
    int64_t wait_ns;   /* not before so long, */
    struct why why;    /* and why */
    uint32_t rejected; /* metrics that reject() has named */
    uint8_t *marked;   /* those, by bit; NULL: none */
    uint32_t first;    /* the first one named, and */
    struct why first_why;
    TAILQ_ENTRY(pending_batch) all, said;
};
TAILQ_HEAD(pending_list, pending_batch);

struct pending {
    struct pending_list all, said; /* oldest first; as they were confirmed */
    unsigned n, again;             /* in all; of those, to come again */
    struct pending_batch *spare;   /* for the next one; or NULL */
};

void pending_init(struct pending *p);
void pending_free(struct pending *p); /* all of them */

/* The youngest from now on, CALLED. NULL: no memory. */
struct pending_batch *pending_add(struct pending *p, const garnet_batch *batch);
void pending_set(struct pending *p, struct pending_batch *b, enum pending_state to);
/* Its bytes go, too, if they are its own; *b is not to be used any more. */
void pending_remove(struct pending *p, struct pending_batch *b);
/* Of the one that is being called, or is open, and not confirmed; else NULL. */
struct pending_batch *pending_find(struct pending *p, uint64_t id);

/* --- what is said of one --- */

void pending_confirm(struct pending *p, struct pending_batch *b, int answer, int64_t wait_ns,
                     const struct why *why);
/* The next in the order in which they were confirmed, which is not confirmed any more; NULL: no more. */
struct pending_batch *pending_take(struct pending *p);
void pending_forget(struct pending *p, struct pending_batch *b); /* that it was confirmed */
/* Metric `index`, which it has. One that is named twice counts once. False: no memory. */
bool pending_reject(struct pending_batch *b, uint32_t index, const char *why);
void pending_forget_rejected(struct pending_batch *b);

/* --- how it goes --- */

/* One that the plugin has, of those that are younger than number `id`. */
bool pending_any_open(const struct pending *p, uint64_t id);
bool pending_any_failing(const struct pending *p); /* has had a RETRY */

/* --- those that come again --- */

/* The oldest one whose pause is over; `ordered`: the oldest one, if its pause is over. NULL: none. */
struct pending_batch *pending_due(struct pending *p, bool ordered, int64_t now);
/* Mono: when there will be one; -1: never. */
int64_t pending_due_at(const struct pending *p, bool ordered);
/* The one with the oldest metric of all; NULL: none is to come again. */
struct pending_batch *pending_eldest_again(const struct pending *p);

/* At least `least` ns. */
void pause_begin(struct pause *p, int64_t now, int64_t least);
/* There is reason to try at once. */
void pause_cut(struct pause *p);
