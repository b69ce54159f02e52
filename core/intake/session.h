/* intake/session.h - what one client says, and is told: the protocol, without its socket
 *
 * Bytes come in as they were read, in pieces of any size; metrics go into the batch, and replies to
 * who asks for them. Belongs to a connection. Nothing in here ends the daemon.
 */
#ifndef INTAKE_SESSION_H
#define INTAKE_SESSION_H
#include "intake/frame.h"
#include "intake/intake_batch.h"
#include "intake/reply.h"

struct session {
    struct origin *origin; /* one of its users */
    unsigned run;          /* of the origin, the one in which it began */
    int64_t slot_ns;
    const struct loop *loop;
    const struct metric_limits *limits;
    struct intake_batch *batch;
    struct intake_part part;
    struct frame frame;
    struct buf partial; /* the unfinished object's bytes, when it began in an earlier piece */
    struct replies replies;
    bool reply_due;           /* asked for, not yet written down */
    struct place unfinished;  /* the value that was unfinished at ... */
    int64_t unfinished_since; /* ... monotonic ns; 0: none */
};

struct session_setup {
    struct origin *origin;
    const struct loop *loop;
    const struct metric_limits *limits; /* as they are at any time */
    struct intake_batch *batch;
    const char *name;   /* of the client, for the log */
    uint32_t max_depth; /* of its objects */
    size_t max_value;
};

void session_init(struct session *s, const struct session_setup *setup);
void session_free(struct session *s);

void session_take(struct session *s, const char *p, size_t n); /* the next bytes */
int64_t session_unfinished_since(const struct session *s); /* a value; monotonic ns, 0: none is */
void session_excuse(struct session *s, int64_t ns);        /* for so long it could not go on */
/* What is unfinished will not be finished; the stream may go on. */
void session_cut(struct session *s, const char *why);
/* Likewise at the end of the stream, which is a request. */
void session_end(struct session *s, const char *why);
/* What comes next must not count for a request that came before it: that one is answered. */
void session_flush(struct session *s);
/* `lost` metrics are rejected for one reason, which is of no one place. */
void session_reject(struct session *s, uint32_t lost, const struct metric_fault *f);
/* The fate of what waits for this ticket, or an earlier one: why is NULL when it is safe. False:
 * nothing does. */
bool session_known(struct session *s, uint64_t ticket, const char *why);
bool session_idle(const struct session *s); /* nothing is asked for, nothing in the batch */

#endif
