/* intake/connection.h - one connection, from its beginning to its end; and the set of all
 *
 * The set owns its connections. One is freed within the set's calls only, and never while its own
 * bytes are being read: what ends a connection is settled after the turn. A connection whose reply
 * is not yet written is not read from, so there are no more replies than requests in one read.
 */
#ifndef INTAKE_CONNECTION_H
#define INTAKE_CONNECTION_H
#include <sys/socket.h>

#include "base/loop.h"
#include "conf/conf.h"
#include "intake/intake_batch.h"
#include "intake/origin.h"
#include "intake/pool.h"
#include "intake/queue.h"

struct connection;

struct connections { /* set by the owner: the first four */
    struct loop *loop;
    const struct conf_intake *limits;
    const struct metric_limits *metric_limits;
    struct intake_batch *batch;
    unsigned n;
    struct queue queue; /* those with something to be read */
    char *read;         /* one buffer for all, used within one callback */
    TAILQ_HEAD(, connection) all;
    TAILQ_HEAD(, connection) touched; /* to be settled after the turn */
};

bool connections_init(struct connections *cs); /* false: no memory */
void connections_free(struct connections *cs); /* and all of them */
/* A turn of the loop is over: reads what waits, commits the batch, writes replies, ends what has
 * ended. */
void connections_turn(struct connections *cs);
/* The fate of what waits for this ticket, or an earlier one: why is NULL when it is safe. */
void connections_known(struct connections *cs, uint64_t ticket, const char *why);
/* Closes, or cuts, what was idle for too long. */
void connections_check_idle(struct connections *cs);
unsigned connections_busy(const struct connections *cs); /* have something unread or unanswered */
/* Of one origin: takes in all that has come, out of turn (4 MiB of it at most, or 20 ms). */
void connections_drain(struct connections *cs, const struct origin *s);
/* ... whether one is kept waiting by us: a reply is held, or it is not read for a while. */
bool connections_kept_waiting(const struct connections *cs, const struct origin *s);

/* Takes fd, and a place in the pool. False, and fd is the caller's still: no memory. */
bool connection_new(struct connections *cs, struct origin *s, struct pool *pool, uintptr_t key,
                    int fd, const struct ucred *peer);
int64_t connection_silence(const struct connection *c); /* ns since it was last read */
/* As far as is known without a look at its socket: it is owed something, or at work. One that does
 * not read its replies is not busy, whatever it has sent. */
bool connection_busy(const struct connection *c);
/* Likewise with that look, for one that is not busy: there is nothing to be read. */
bool connection_idle(const struct connection *c);
/* It is told why, and closed in this turn, whatever comes; its place is free at once. */
void connection_close(struct connection *c, const char *why);
struct origin *connection_origin(const struct connection *c);
const char *connection_name(const struct connection *c); /* for the log */

#endif
