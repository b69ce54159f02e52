/* intake/conn.h - private to core/intake: one connection, and what it shares with the others
 *
 * A client is owned by the intake's list. It is freed by conn_free() only, which nothing calls
 * while the client's own bytes are being read: what ends a client is settled after the turn.
 */
#ifndef INTAKE_CONN_H
#define INTAKE_CONN_H
#include <sys/socket.h>

#include "base/ratelimit.h"
#include "intake/frame.h"
#include "intake/intake.h"
#include "intake/json.h"

enum {
    READ_SIZE = 64 * 1024,                /* at most, in one read */
    SLICE_FIRST = 16 * 1024,              /* ... of a client that is not yet known */
    BATCH_FULL = 1024 * 1024 - READ_SIZE, /* commit early: its buf rarely grows past 1 MiB */
    MAX_ERRORS = 5,                       /* in a reply, and in the log for one reply */
    INFLATION = 16,                       /* bytes of records for each byte of max_value */
    CLIENT_NAME = 96,
    BACKLOG = 1024, /* of a listener */
};

struct owner { /* who has connections: a user on the shared socket, a collector on its own */
    struct pool *pool;
    uid_t uid;                   /* a user's */
    const struct source *source; /* a collector's */
    unsigned connections;
    struct conn *longest, *latest; /* silent for */
    struct owner *next;
};

struct account { /* what one reply tells */
    uint64_t accepted, rejected;
    uint64_t waiting;  /* in the spool's hands: one or the other once that is known */
    uint32_t faults;   /* all of them */
    struct buf errors; /* the first MAX_ERRORS of them as JSON, with commas */
};

struct held_reply { /* asked for; some of its metrics are still waiting */
    struct account account;
    struct buf behind; /* replies that came after it and wait for nothing else, as text */
    struct held_reply *next;
};

struct conn {
    struct intake *in;
    struct source *source;  /* one of its users */
    struct owner *owner;    /* NULL: it has given way */
    struct loop_fd io;      /* owns the descriptor */
    char name[CLIENT_NAME]; /* for the log */
    int64_t slot_ns;
    unsigned run; /* of its source, the one in which it was accepted */
    struct frame frame;
    struct buf partial;     /* the unfinished object's bytes, when it began in an earlier read */
    uint32_t in_batch;      /* metrics in the batch at hand */
    struct pending pending; /* metrics of its accounts that wait */
    struct account account; /* since the last reply */
    bool reply_due;         /* asked for, not yet written down */
    bool ended;             /* nothing more will come */
    bool gone;              /* the peer has closed: nobody reads an answer */
    bool touched;
    bool passes_fds;                     /* base/fdpass.h */
    struct held_reply *held, *held_last; /* one for each request, in order */
    struct buf out;                      /* replies on their way */
    struct place unfinished;             /* the value that was unfinished at ... */
    int64_t unfinished_since;            /* ... monotonic ns; 0: none */
    int64_t unread_since;                /* out was last empty, or got shorter; 0: it is empty */
    int64_t paused_since;                /* it is not read, for what it is owed; 0: it is */
    int64_t heard_at;                    /* when it was last read, or accepted */
    struct conn *next, **link;
    struct conn *next_touched;
    /* intake/slices.c's */
    size_t slice;    /* bytes for its next read */
    int64_t debt_ns; /* time that it has had beyond its share */
    bool queued;
    struct conn *queue_next, *queue_prev;
    struct conn *silent_next, *silent_prev; /* intake/share.c's */
};

struct pool { /* what others than its owners cannot take */
    unsigned connections;
    struct owner *owners;
};

struct intake {
    struct loop *loop;
    struct conf_intake limits;
    struct metric_limits metric_limits;
    intake_commit_fn *commit;
    void *arg;
    struct source *sources;
    struct conn *clients;
    unsigned nclients;
    struct pool users, collectors;
    uint64_t refused, gave_way;
    bool refused_said;         /* the spool's refusal, once per occasion */
    struct ratelimit starved;  /* what the log says of clients refused for want of means */
    int reserve;               /* a descriptor to give up, so that one too many can be refused */
    struct loop_timer pause;   /* not even that: listening again when it fires */
    struct loop_timer sweeper; /* looks for idle clients, while there are clients */
    struct loop_hook hook;
    struct buf batch; /* records */
    uint32_t count;   /* of them */
    uint32_t own;     /* of these, Garnet's own */
    uint64_t own_rejected;
    struct pending own_pending;
    struct conn *touched;            /* to be settled after the turn */
    struct conn *queue, *queue_last; /* to be read from */
    char *read;                      /* READ_SIZE: one buffer for all, used within one callback */
};

/* Takes fd. False, and fd is the caller's still: no memory. */
bool conn_new(struct source *s, int fd, const struct ucred *peer);
void conn_free(struct conn *c);
/* Reads up to `most` bytes, READ_SIZE at most, and takes in what they hold. How many there were. */
size_t conn_read(struct conn *c, size_t most);
bool conn_readable(const struct conn *c);
void conn_end(struct conn *c, const char *why); /* it is told why, and closed */
void conn_touch(struct conn *c);
void conn_idle(struct conn *c, int64_t now);
/* What the batch's fate means to a client: why is NULL when it was accepted, or is to wait. */
void conn_committed(struct conn *c, bool later, uint64_t ticket, const char *why);
/* The fate of what waits for this ticket, or an earlier one: why is NULL when it is safe. */
void conn_known(struct conn *c, uint64_t ticket, const char *why);
void conn_settle(struct conn *c); /* may free it */
bool conn_quiet(const struct conn *c);
bool conn_unread(const struct conn *c); /* has sent what was not read yet */
void conn_look(struct conn *c);         /* whether its peer has closed: no event may have said so */
bool conn_kept_waiting(const struct conn *c); /* by us: held, or not read for a while */
/* `lost` metrics are rejected for one reason; at is NULL when it is of no one place. */
void conn_reject(struct conn *c, uint32_t lost, const struct place *at,
                 const struct metric_fault *f);
void conn_reject_at(struct conn *c, const struct place *at, const char *why); /* one */
/* In the next reply, with nothing rejected. */
void conn_tell(struct conn *c, const char *why);
bool conn_tells(const struct conn *c); /* the next fault is one that is written down */

/* intake/reply.c: one reply for each request, in order */
void conn_reply(struct conn *c); /* the account is closed; a new one begins */
void replies_known(struct conn *c, uint64_t n, const char *why); /* the oldest n that wait */
void replies_drop(struct conn *c);                               /* nobody will read them */
void account_end(const struct conn *c, struct account *a);       /* says how much more there was */

/* intake/take.c: the next bytes of its stream */
void take_bytes(struct conn *c, const char *p, size_t n, int64_t now);
void take_cut(struct conn *c, const char *why); /* what is unfinished will not be finished */

/* intake/slices.c: whose turn it is */
void slices_add(struct conn *c); /* it has something to be read */
void slices_remove(struct conn *c);
void slices_run(struct intake *in);
void slices_drain(const struct source *s); /* all that its connections hold, out of turn */

/* intake/accept.c: who may connect */
void accept_some(struct source *s, unsigned most);
void accept_ready(void *arg, uint32_t events); /* a listener's callback */

/* intake/share.c: whose connections there are, and which gives way to a newer one */
struct pool *share_pool(const struct source *s);
struct owner *share_owner(const struct source *s, uid_t uid); /* NULL: it has no connection */
bool share_enter(struct conn *c, uid_t uid);                  /* false: no memory */
void share_leave(struct conn *c);                             /* no-op when it has left */
void share_heard(struct conn *c);                             /* just now */
const struct owner *share_largest(const struct pool *p);      /* the one that has most, or NULL */
/* Its connection that has been silent for longest, if for so long; NULL: none may be closed. `o` may
 * be NULL. */
struct conn *share_silent(const struct owner *o, int64_t at_least);
void share_give_way(struct conn *c);

/* intake/listen.c: a socket that listens, or -1 and a sentence */
int listen_at(const struct source_config *c, char why[256]);

void intake_commit(struct intake *in); /* the batch, now */
void intake_sweep(struct intake *in);  /* there are clients to be looked at now and then */
/* The counts of a connection's source. */
void source_taken(const struct conn *c, uint64_t n, bool later, uint64_t ticket);
void source_rejected(const struct conn *c, uint64_t n);
void source_known(struct source *s, uint64_t ticket, bool safe);
void source_unuse(struct source *s);

#endif
