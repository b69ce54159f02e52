/* spool/commit.h - a batch's way into the spool, and when its sender may get the reply
 *
 * A batch is written at once, or held in memory, in order, while the spool cannot take it: while the
 * disk is full, read-only or gone. Its numbers are certain before it is written, and no reply says
 * "accepted" before that. What is still held after HELD_MOST is refused, and so is what there is no room
 * for: nobody waits for a disk that may never work again. A verdict that comes later comes by ticket:
 *
 *   safe     it is in the spool, and with `durable` on the disk
 *   unsafe   it is in the spool, but could not be synced, nor be written again, or not before the
 *            end; or its folder was removed before that; or it was held too long, or to the end, and
 *            is not written
 *
 * Every ticket gets one verdict, in order. What is written between two orders to the sync helper
 * shares a ticket; each batch that is held has its own. Nothing in here waits for the disk, and
 * there is no clock and no loop.
 */
#pragma once
#include <sys/queue.h>

#include "base/clock.h"
#include "base/remark.h"
#include "base/why.h"
#include "spool/append.h"
#include "spool/unsynced.h"

enum { BACKLOG_MAX = 8 << 20 };
static const int64_t HELD_MOST = 750 * NS_PER_MS; /* so that everybody is told within a second */

struct sync;

struct backlog { /* what is held; all zero: nothing */
    STAILQ_HEAD(, held_batch) held;
    size_t bytes;              /* of memory, the list's cost included: at most BACKLOG_MAX */
    uint64_t batches, metrics; /* in it */
};

struct commit_events {
    void *arg;
    void (*written)(void *arg);                                   /* there is more to be read */
    void (*verdict)(void *arg, uint64_t ticket, const char *why); /* why NULL: safe */
};

struct commit { /* spool, sync and ev set, the rest zero */
    struct append *spool;
    struct sync *sync; /* answers by commit_answered(), and seals by commit_seal() */
    struct commit_events ev;
    bool durable;
    struct backlog backlog;
    uint64_t last; /* the newest ticket */
    uint64_t
        written; /* up to this one all is in the spool, or refused; what is held has one each after it */
    uint64_t decided;      /* up to this one, each has its verdict */
    uint64_t synced_for;   /* up to this one, verdicts wait for a sync */
    int error;             /* of the last append, 0: it worked */
    bool gone;             /* the folder; not made again yet */
    bool ending;           /* nothing more is held */
    bool failing;          /* a sync has failed, */
    bool unsafe;           /* and writing it again has failed as well */
    bool dirty;            /* written since the last commit_sync() */
    uint64_t refused;      /* metrics, since the start */
    struct remark refusal; /* the last of them, and why */
};

/* Copies the batch. False: full, or no memory. */
bool backlog_put(struct backlog *b, const void *payload, size_t n, uint32_t count);
/* Appends from the oldest on, until it is empty: 0; or until an append fails: -1 with errno. */
int backlog_flush(struct backlog *b, struct append *a);
int64_t backlog_since(const struct backlog *b); /* mono: the oldest was put there; 0: it is empty */
void backlog_clear(struct backlog *b);

/* 0 it is safe, 1 the verdict comes for *ticket, -1 refused, and why. */
int commit_batch(struct commit *c, const void *records, size_t n, uint32_t count, uint64_t *ticket,
                 struct why *why);
void commit_retry(struct commit *c); /* what is held: now and then, while backlog.metrics > 0 */
void commit_refuse_late(struct commit *c,
                        int64_t now); /* what has been held for too long at `now` */
/* What is dirty, and what the reserve lacks: once a second, and last of all. Once the reserve lacks something, it is
 * asked for until there is no more to be had. */
void commit_sync(struct commit *c);
/* Whether the folder at `dir` is still the one; if not, it is made again. True: it is another one,
 * and whoever has something of the old one open must begin anew. Once a second. */
bool commit_look(struct commit *c, const char *dir);
/* One more try; then every ticket gets its verdict: what is held, that it is not written. */
void commit_end(struct commit *c);

/* For spool/sync.h; `arg` is the struct commit. */
void commit_answered(void *arg, enum sync_verdict v, uint64_t seq, int error);
uint64_t commit_seal(void *arg);
void commit_reserved(void *arg, const struct reserve_file *file);
