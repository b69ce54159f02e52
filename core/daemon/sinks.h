/* daemon/sinks.h - sinks with their workers and cursors, by name
 *
 * Reconciles what runs with what is configured. An unchanged sink keeps its worker, its connection,
 * and the generation that this was started with; a changed one's worker is asked to finish, and the
 * next goes on at the same cursor; a removed one's is set aside (daemon/removed.h). One that is refused
 * goes on as it was; if it is new, its cursor is made, and holds segments like any other.
 */
#pragma once
#include <sys/queue.h>

#include "daemon/generation.h"
#include "daemon/removed.h"
#include "daemon/selfmetrics.h"
#include "keep/keepers.h"
#include "spool/append.h"

struct sinks_events {
    void *arg;
    void (*stopped)(void *arg); /* after sinks_stop(): one more of them has */
};

struct sinks { /* its own to write */
    struct keepers *keepers;
    const struct append *spool;
    const char *dir, *program;
    struct removed removed;
    struct sinks_events ev;
    struct generation *gen; /* applied last */
    uint64_t oldest;        /* where the spool begins, as the workers have it */
    bool stopping;
    LIST_HEAD(, sink_entry) list;
};

/* The spool, its folder's name and the program (garnet-sink) are borrowed. */
void sinks_init(struct sinks *s, struct keepers *keepers, const struct append *spool,
                const char *dir, const char *program, const struct sinks_events *ev);
void sinks_free(struct sinks *s); /* once all have stopped; the cursors stay */
/* Never fails as a whole: what cannot be started is logged, and tried by sinks_retry(). `g` is
 * borrowed until another is applied; who needs more of it holds a reference. */
void sinks_apply(struct sinks *s, struct generation *g);
void sinks_retry(struct sinks *s); /* once a second */
void sinks_wake(struct sinks *s);  /* there is more in the spool */
/* The spool's folder is another one: workers end, for what they have open is gone, and begin again
 * where their cursors were last seen. What lies before its first metric they count as lost. */
void sinks_restart(struct sinks *s);
void sinks_stop(struct sinks *s, int64_t grace); /* for good */
void sinks_abandon(struct sinks *s);             /* whoever has not by now; without stopped() */
bool sinks_stopped(const struct sinks *s);
void sinks_log_rest(struct sinks *s); /* the log's last line: what is left for each */

/* A look at all cursors, once a second: the lowest position that a sink still needs. 0: everything,
 * since one cannot be read. */
uint64_t sinks_needed(struct sinks *s);
/* Likewise: what is before, every sink has sent, or its worker has in memory. It may want it again, when a connection does
 * not end well. 0: that is not known, or there is no sink. */
uint64_t sinks_passed(struct sinks *s);
/* What is before `oldest` is about to be removed from the spool: for the workers to know. */
void sinks_spool_begins(struct sinks *s, uint64_t oldest);

void sinks_metrics(const struct sinks *s, const struct self_round *at);
/* Of each a JSON object, in no order, with commas between. */
void sinks_status(const struct sinks *s, struct buf *out);
/* Of those that have just begun, how they began; once a second. */
void sinks_metrics_begun(struct sinks *s, struct selfmetrics *to);
