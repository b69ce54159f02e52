/* intake/origin.h - where what comes over one socket is from: a collector, or anybody on the shared one
 *
 * What is added to its metrics, what one run of it may send, and what came of what it sent. It is
 * shared by its socket and its connections, which outlive that; the last one out frees it. Its fields
 * are there to be read.
 */
#pragma once
#include "base/arena.h"
#include "base/remark.h"
#include "base/socket_file.h"
#include "base/throttle.h"
#include "intake/intake_batch.h"
#include "intake/json.h"
#include "intake/quota.h"
#include "intake/rejections.h"

struct source_config { /* of a socket and its origin; all is copied */
    struct socket_config socket;
    const char *name, *prefix;   /* the collector's; may be NULL */
    const struct pairs *tags[2]; /* [1] wins over [0]; may be NULL */
    int64_t interval_ns;
    struct conf_quota
        quota;         /* of a run, which begins with source_run(); all 0 on the shared socket */
    int64_t window_ns; /* > 0: a run without end; the quota is for this long, then starts anew */
};

struct origin_counts {            /* since the start */
    uint64_t accepted, rejected;  /* metrics: each is one of them once that is known */
    uint64_t taken;               /* in the spool's hands, whatever became of them */
    struct quota_refused limited; /* metrics rejected, connections closed, for a limit of the run */
    uint64_t refused_connections; /* over a limit, or for want of means */
};

struct origin_settings { /* copies of what is configured */
    const char *path, *own_groups;
    const char *collector; /* NULL: the shared socket */
    struct json_defaults
        defaults;        /* what it adds to a metric; times and limits are the caller's to fill */
    struct arena memory; /* of all that */
};

struct origin {
    struct origin_settings set;
    struct quota quota; /* of the run at hand */
    struct origin_counts counts;
    unsigned run; /* how many have begun: what comes over a connection counts for its run */
    int64_t
        slot_ns; /* what a metric without a time gets, on connections that are made now; 0: nothing */
    int64_t
        withheld_until; /* metrics were not accepted for garnetd's own sake: monotonic; 0: never */
    /* origin.c's own; of the run: since origin_run(), of connections made since. What is in flight
     * counts as accepted there */
    uint64_t run_accepted, run_rejected;
    struct inflight inflight, run_inflight;
    struct ratelimit errors, refusals, closings; /* in the log */
    struct remark fault; /* the last one in what it sent, or how it was sent */
    struct rejections rejections;
    int64_t remembered; /* mono: when one was, last */
    bool closed;
    unsigned users;
};

struct origin *origin_new(const struct source_config *c,
                          int64_t now); /* NULL: no memory, or too many tags */
/* Replaces prefix, tags, interval, limits and own groups. False, and nothing is changed: no memory. */
bool origin_update(struct origin *o, const struct source_config *c);
void origin_use(struct origin *o);   /* one user more */
void origin_unuse(struct origin *o); /* and one less */
void origin_close(struct origin *o); /* likewise its socket: nobody reads its counts any more */

/* A run begins: its counts and limits start anew. */
void origin_run(struct origin *o, int64_t slot_ns, int64_t now);
void origin_run_end(struct origin *o, int64_t now, uint64_t *accepted, uint64_t *rejected);

/* n metrics are in the spool's hands: safe (ticket 0), or that will be known of the ticket. */
void origin_taken(struct origin *o, unsigned run, uint64_t n, uint64_t ticket);
void origin_rejected(struct origin *o, unsigned run, uint64_t n);
void origin_known(struct origin *o, uint64_t ticket,
                  bool safe); /* what waits for it, or an earlier one */
void origin_withhold(struct origin *o, int64_t now);

/* One more line about what it sent, in the log. False: there were too many of late. */
bool origin_may_log(struct origin *o, int64_t now);
/* A connection is refused: counted, and logged within a limit, which is not the origin's own where it
 * is for want of means. */
void origin_refused(struct origin *o, int64_t now, struct ratelimit *starved, const char *why);
/* One of this name is closed by us: logged likewise. */
void origin_closed(struct origin *o, int64_t now, const char *name, const char *why);
