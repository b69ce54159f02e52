/* intake/connection.h - one connection, from its beginning to its end; and the set of all
 *
 * The set owns its connections. One is freed within the set's calls only, and never while its own
 * bytes are being read: what ends a connection is settled after the turn. A connection whose reply
 * is not yet written is not read from, so there are no more replies than requests in one read.
 */
#pragma once
#include "intake/queue.h"
#include "intake/rest.h"
#include "intake/room.h"
#include "intake/session.h"

struct connection;

struct connections {
    struct session_common common;
    struct rest rest;
    uint64_t taken, taken_bytes; /* metrics, when the last turn was over */
    bool awaited;                /* somebody had his turn who may wait for a reply */
    unsigned n;
    struct queue queue; /* those with something to be read */
    TAILQ_HEAD(, connection) all;
    TAILQ_HEAD(, connection) touched; /* to be settled after the turn */
    char read[QUEUE_READ_MOST];       /* one buffer for all, used within one callback */
};

/* All zero before. Hands batches to `commit`. */
void connections_init(struct connections *cs, struct loop *l, intake_commit_fn *commit, void *arg);
void connections_free(struct connections *cs); /* and all of them */
/* For the loop, after a turn of it: reads what waits, commits the batch, writes replies, ends what has
 * ended. */
void connections_turn(void *set);
/* The fate of what waits for this ticket, or an earlier one: why is NULL when it is safe. */
void connections_known(struct connections *cs, uint64_t ticket, const char *why);
/* Closes, or cuts, what was idle for too long. */
void connections_check_idle(struct connections *cs);
unsigned connections_busy(const struct connections *cs); /* have something unread or unanswered */
/* Of one origin: takes in all that has come, out of turn (4 MiB of it at most, or 20 ms). */
void connections_drain(struct connections *cs, const struct origin *s);
/* ... whether one is kept waiting by us: a reply is held, or it is not read for a while. */
bool connections_kept_waiting(const struct connections *cs, const struct origin *s);

/* Takes the guest's descriptor, and a place in the pool. False, and it is the caller's still: no
 * memory. */
bool connection_new(struct connections *cs, const struct guest *g, struct pool *pool);
/* For room.h: whether a connection is owed nothing and has nothing to be read. One that does not read
 * its replies may be closed, whatever it has sent. */
bool connection_may_close(void *connection, unsigned *looks);
/* It is told why, and closed in this turn, whatever comes; its place is free at once. Logged. */
void connection_close(struct connection *c, const char *why);
