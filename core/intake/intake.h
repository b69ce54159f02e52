/* intake/intake.h - the sockets: who may connect, what they say, what they are told
 *
 * One shared Unix stream socket and one per collector ("sources"), the same protocol on all
 * (docs/protocol.md). Everything accepted in one turn of the loop becomes one batch of records
 * that commit() writes to the spool; only then are clients told "accepted". Time per client and
 * per turn is bounded (intake/slices.c), so that no client can hold up another, nor all together
 * the timers; a client that does not read its reply is not read from; nothing is kept per client
 * but its unfinished object and its reply.
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H
#include <sys/types.h>

#include "base/arena.h"
#include "base/loop.h"
#include "base/ratelimit.h"
#include "conf/conf.h"
#include "intake/pending.h"
#include "intake/quota.h"
#include "model/metric.h"

struct intake;

/* Writes one batch. 0: it is safe now. 1: what becomes of it will be told, by intake_safe() or
 * intake_unsafe(), for `*ticket` (not from in here; tickets never go back). -1: refused, and why. */
typedef int intake_commit_fn(void *arg, const void *records, size_t n, uint32_t count,
                             uint64_t *ticket, char why[128]);

struct source { /* one listening socket; owned by whoever made it with source_open() */
    struct intake *in;
    const char *path;
    const char *name;                 /* the collector's; NULL: the shared socket */
    const char *prefix;               /* or NULL */
    const char *own_groups;           /* or NULL */
    struct tag tags[METRIC_MAX_TAGS]; /* the collector's and the global ones, sorted */
    uint32_t ntags;
    int64_t interval_ns;
    int64_t slot_ns; /* time for metrics without one, on connections made while it is set; 0:
                        their arrival */
    /* since the start */
    uint64_t accepted, rejected;              /* metrics: each is one of them once that is known */
    uint64_t taken;                           /* in the spool's hands, whatever became of them */
    uint64_t limited_series, limited_metrics; /* those rejected for one of the run's limits */
    uint64_t limited_bytes;                   /* connections closed for it */
    uint64_t refused;                         /* connections */
    /* core/intake's own */
    uint64_t run_accepted, run_rejected; /* since source_run(), of connections made since; what */
    struct pending pending, run_pending; /* ... is pending counts as accepted here, not above */
    unsigned run;                        /* counts source_run() */
    int64_t withheld_until;              /* mono: see source_withheld() */
    struct quota quota;
    struct ratelimit errors, refusals, given_way; /* in the log */
    struct arena memory;                          /* path, name, prefix, tags, own groups */
    struct loop_fd listener;
    unsigned users; /* its owner and its clients; the last one out frees it */
    struct source *next, **link;
};

struct source_config {
    const char *path;       /* copied */
    const char *own_groups; /* on its way: for struct trust; copied; may be NULL */
    mode_t mode;
    uid_t uid;                   /* (uid_t)-1: unchanged */
    gid_t group;                 /* (gid_t)-1: unchanged */
    const char *name, *prefix;   /* copied; may be NULL */
    const struct pairs *tags[2]; /* [1] wins over [0]; copied; may be NULL */
    int64_t interval_ns;
    /* What one run may send (a run begins with source_run()); 0 on the shared socket: no limit. */
    int64_t series_limit, metrics_limit, bytes_limit;
    int64_t window_ns; /* > 0: a run without end; the limits hold for this long, then start anew */
};

struct intake *intake_new(struct loop *l, const struct conf_intake *limits,
                          intake_commit_fn *commit, void *arg);
/* Copied. Size and depth hold for new connections. */
void intake_limits(struct intake *in, const struct conf_intake *limits);
void intake_safe(struct intake *in, uint64_t ticket); /* everything up to ticket is safe: reply */
/* What waits for this ticket or an earlier one cannot be called safe: it counts as rejected, and
 * whoever asks is told why. What waits for a later one goes on waiting. */
void intake_unsafe(struct intake *in, uint64_t ticket, const char *why);
/* Garnet's own metrics take the same road: into this turn's batch. */
void intake_own(struct intake *in, const struct metric *m);
uint64_t
intake_own_rejected(const struct intake *in); /* of them: refused by the spool, no memory */
/* True when no client has anything unread or unanswered. An unfinished value does not count: its
 * sender may never go on. */
bool intake_quiet(const struct intake *in);
unsigned intake_busy(const struct intake *in); /* how many have */
unsigned intake_connections(const struct intake *in);
/* Over a limit, or for want of descriptors or memory; on all sources. */
uint64_t intake_refused_connections(const struct intake *in);
/* Closed since others needed a place; on all sources. */
uint64_t intake_gave_way(const struct intake *in);
/* Writes what is pending and closes all clients. Sources must be closed before. */
void intake_free(struct intake *in);

/* Binds (0600 until mode and group are set, then listen). A stale socket of ours is replaced: the
 * caller holds the lock (intake/lock.h). NULL and a sentence in why[]: nothing is left behind. */
struct source *source_open(struct intake *in, const struct source_config *c, char why[256]);
/* A run begins: its counts and limits start anew, and metrics without a time get `slot_ns`. */
void source_run(struct source *s, int64_t slot_ns);
/* A run has ended and all its processes are dead: what they have sent is taken in (4 MiB of it at
 * most, at once; the rest follows, without counting) and counted, and slot_ns is cleared. */
void source_run_end(struct source *s, uint64_t *accepted, uint64_t *rejected);
/* Accepts every connection that waits, so that they get the slot that is set now. */
void source_accept(struct source *s);
/* Until when, as far as is known, metrics that its clients sent, or would have sent, were not
 * accepted for garnetd's own sake: the spool refused them, a reply was held, nothing was read.
 * Monotonic; now, while it is so; 0: never. */
int64_t source_withheld(const struct source *s);
/* Replaces prefix, tags, interval, limits and own groups without touching the socket (reload). False: no
 * memory. */
bool source_update(struct source *s, const struct source_config *c);
/* Unlinks the socket. Its clients, those that wait to be accepted among them, go on until they end;
 * they keep what they need. */
void source_close(struct source *s);

#endif
