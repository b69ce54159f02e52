/* intake/conn.h - private to core/intake: one connection, and what it shares with the others
 *
 * A client is owned by the intake's list. It is freed by conn_free() only, which nothing calls
 * while the client's own bytes are being read: what ends a client is settled after the turn.
 */
#ifndef INTAKE_CONN_H
#define INTAKE_CONN_H
#include "intake/frame.h"
#include "intake/intake.h"
#include "intake/json.h"

enum {
    READ_SIZE = 64 * 1024,                /* per client and turn */
    BATCH_FULL = 1024 * 1024 - READ_SIZE, /* commit early: its buf rarely grows past 1 MiB */
    MAX_ERRORS = 5,                       /* in a reply, and in the log for one reply */
    MAX_TAG = 512,                        /* bytes of a tag's key or value */
    CLIENT_NAME = 96,
};

struct conn {
    struct intake *in;
    struct source *source;  /* one of its users */
    struct loop_fd io;      /* owns the descriptor */
    char name[CLIENT_NAME]; /* for the log */
    int64_t slot_ns;
    struct frame frame;
    struct buf partial; /* the unfinished object's bytes, when it began in an earlier read */
    uint32_t in_batch;  /* metrics in the batch at hand */
    uint64_t need;      /* answers wait until in->safe >= this */
    uint64_t accepted, rejected; /* since the last reply */
    uint32_t faults;             /* likewise */
    struct buf errors;           /* the first MAX_ERRORS of them as JSON, with commas */
    bool reply_due;              /* asked for, not yet written down */
    bool ended;                  /* nothing more will come */
    bool gone;                   /* the peer has closed: nobody reads an answer */
    bool touched;
    struct buf held;               /* replies that wait for `need` */
    struct buf out;                /* replies on their way */
    struct frame_place unfinished; /* the value that was unfinished at ... */
    int64_t unfinished_since;      /* ... monotonic ns; 0: none */
    int64_t unread_since;          /* out was last empty, or got shorter; 0: it is empty */
    struct conn *next, **link;
    struct conn *next_touched;
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
    uint64_t refused;
    bool full_said, paused_said, refused_said; /* in the log, once per occasion */
    struct loop_timer pause;                   /* no descriptors: listening again when it fires */
    struct loop_timer sweeper;                 /* looks for idle clients, while there are clients */
    struct loop_hook hook;
    uint64_t safe;        /* tickets below this are safe */
    struct buf batch;     /* records */
    uint32_t count;       /* of them */
    struct conn *touched; /* to be settled after the turn */
    char *read;           /* READ_SIZE: one buffer for all, used within one callback */
};

bool conn_new(struct source *s, int fd); /* takes fd, also on failure: no memory */
void conn_free(struct conn *c);
void conn_touch(struct conn *c);
void conn_idle(struct conn *c, int64_t now);
/* What the batch's fate means to a client: why is NULL when it was accepted. */
void conn_committed(struct conn *c, bool later, uint64_t ticket, const char *why);
void conn_settle(struct conn *c); /* may free it */
bool conn_quiet(const struct conn *c);
/* `lost` metrics are rejected for one reason; at is NULL when it is of no one place. */
void conn_reject(struct conn *c, uint32_t lost, const struct frame_place *at,
                 const struct metric_fault *f);
void conn_reject_at(struct conn *c, const struct frame_place *at, const char *why); /* one */
void conn_reply(struct conn *c);       /* writes down, in c->held, what is new since the last one */
bool conn_waits(const struct conn *c); /* has replies that are held */

void intake_commit(struct intake *in); /* the batch, now */
void intake_sweep(struct intake *in);  /* there are clients to be looked at now and then */
void source_unuse(struct source *s);

#endif
