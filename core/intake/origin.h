/* intake/origin.h - where what comes over one socket is from: a collector, or anybody on the shared one
 *
 * What is added to its metrics, what one run of it may send, and what came of what it sent. It is
 * shared by its socket and its connections, which outlive that; the last one out frees it.
 */
#ifndef INTAKE_ORIGIN_H
#define INTAKE_ORIGIN_H
#include <sys/types.h>

#include "base/arena.h"
#include "intake/json.h"
#include "intake/quota.h"

struct origin;

struct source_config {      /* of a socket and its origin */
    const char *path;       /* copied */
    const char *own_groups; /* on its way: for struct trust; copied; may be NULL */
    mode_t mode;
    uid_t uid;                   /* (uid_t)-1: unchanged */
    gid_t group;                 /* (gid_t)-1: unchanged */
    const char *name, *prefix;   /* the collector's; copied; may be NULL */
    const struct pairs *tags[2]; /* [1] wins over [0]; copied; may be NULL */
    int64_t interval_ns;
    /* What one run may send (a run begins with source_run()); 0 on the shared socket: no limit. */
    int64_t series_limit, metrics_limit, bytes_limit;
    int64_t window_ns; /* > 0: a run without end; the limits hold for this long, then start anew */
};

struct origin_counts {           /* since the start */
    uint64_t accepted, rejected; /* metrics: each is one of them once that is known */
    uint64_t taken;              /* in the spool's hands, whatever became of them */
};

struct origin *origin_new(const struct source_config *c,
                          int64_t now); /* NULL: no memory, or too many tags */
/* Replaces prefix, tags, interval, limits and own groups. False, and nothing is changed: no memory. */
bool origin_update(struct origin *o, const struct source_config *c);
void origin_use(struct origin *o);   /* one user more */
void origin_unuse(struct origin *o); /* and one less */
void origin_close(struct origin *o); /* nobody reads its counts any more */

const char *origin_collector(const struct origin *o); /* NULL: the shared socket */
const char *origin_path(const struct origin *o);
const char *origin_own_groups(const struct origin *o); /* or NULL */
/* What it adds to a metric; times and limits are the caller's to fill. */
struct json_defaults origin_defaults(const struct origin *o);
struct quota *origin_quota(struct origin *o); /* of the run at hand */
const struct origin_counts *origin_counts(const struct origin *o);

/* A run begins: its counts and limits start anew, and metrics without a time on connections made from now on
 * get `slot_ns`, if that is not 0. */
void origin_run(struct origin *o, int64_t slot_ns, int64_t now);
void origin_run_end(struct origin *o, int64_t now, uint64_t *accepted, uint64_t *rejected);
unsigned
origin_run_number(const struct origin *o);   /* what comes over a connection counts for its run */
int64_t origin_slot(const struct origin *o); /* 0: none */

/* n metrics are in the spool's hands: safe (ticket 0), or that will be known of the ticket. */
void origin_taken(struct origin *o, unsigned run, uint64_t n, uint64_t ticket);
void origin_rejected(struct origin *o, unsigned run, uint64_t n);
void origin_known(struct origin *o, uint64_t ticket,
                  bool safe); /* what waits for it, or an earlier one */

/* Until when metrics were not accepted for garnetd's own sake: monotonic; 0: never. */
int64_t origin_withheld(const struct origin *o);
void origin_withhold(struct origin *o, int64_t now);
/* One more line about what it sent, in the log. False: there were too many of late. */
bool origin_may_log(struct origin *o, int64_t now);
/* Likewise about a connection of it that is closed; *left_out are missing before it. */
bool origin_may_log_closed(struct origin *o, int64_t now, uint64_t *left_out);

#endif
