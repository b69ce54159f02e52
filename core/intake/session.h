/* intake/session.h - what one client says, and is told: the protocol, without its socket
 *
 * Bytes come in as they were read, in pieces of any size; metrics go into the batch, and replies to
 * who asks for them. Belongs to a connection. Nothing in here ends the daemon.
 */
#pragma once
#include <sys/socket.h>

#include "conf/conf.h"
#include "intake/frame.h"
#include "intake/intake_batch.h"
#include "intake/names.h"
#include "intake/reply.h"
#include "intake/users.h"

struct session_common { /* what all sessions share; limits may change at any time */
    struct loop *loop;
    struct conf_intake limits; /* size and depth hold for new ones */
    struct metric_limits metric_limits;
    struct intake_batch batch;
    struct users users; /* of the shared socket */
    struct names names; /* of what was put into batches */
};

/* All zero before, but for its limits. Hands batches to `commit`. */
void session_common_init(struct session_common *common, struct loop *l, intake_commit_fn *commit,
                         void *arg);
void session_common_free(struct session_common *common);

struct session {
    struct session_common *common;
    struct origin *origin; /* one of its users */
    unsigned run;          /* of the origin, the one in which it began */
    int64_t slot_ns;
    char name[96]; /* of the client, for the log */
    struct quota *quota;
    struct user *user; /* on the shared socket; else NULL */
    struct intake_part part;
    struct frame frame;
    struct buf partial; /* the unfinished object's bytes, when it began in an earlier piece */
    struct replies replies;
    bool reply_due;           /* asked for, not yet written down */
    struct place unfinished;  /* the value that was unfinished at ... */
    int64_t unfinished_since; /* ... monotonic ns; 0: none */
};

void session_init(struct session *s, struct session_common *common, struct origin *origin,
                  const struct ucred *peer);
void session_free(struct session *s);

void session_take(struct session *s, const char *p, size_t n); /* the next bytes */
void session_excuse(struct session *s,
                    int64_t ns); /* for so long what is unfinished could not go on */
/* What is unfinished has been that for `idle` ns: it is cut, and the stream may go on. */
void session_expire(struct session *s, int64_t idle);
/* The end of the stream, which is a request; `why` is for what is unfinished. */
void session_end(struct session *s, const char *why);
void session_over_quota(struct session *s);  /* likewise: it may send no more, and has */
void session_descriptors(struct session *s); /* likewise: what comes next has some with it */
/* What comes next must not count for a request that came before it: that one is answered. */
void session_flush(struct session *s);
bool session_idle(const struct session *s); /* nothing is asked for, nothing in the batch */
