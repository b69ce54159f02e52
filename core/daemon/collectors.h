/* daemon/collectors.h - collectors with their sockets, by name
 *
 * Reconciles what runs with what is configured. A collector that a reload changes keeps its socket, so
 * that nothing written to it is lost; its new configuration starts when nothing of the old run is
 * left.
 */
#pragma once
#include <sys/queue.h>

#include "daemon/generation.h"
#include "daemon/selfmetrics.h"
#include "intake/intake.h"
#include "keep/keepers.h"
#include "spool/slots.h"

struct collectors_events {
    void *arg;
    void (*drained)(void *arg); /* none is left */
};

struct collectors { /* its own to write */
    struct keepers *keepers;
    const char *converter; /* the program garnet-convert */
    struct intake *intake;
    struct selfmetrics *self;
    struct collectors_events ev;
    struct slots slots;                /* when those that are persistent ran last */
    struct generation *gen;            /* applied last */
    LIST_HEAD(, collector_entry) list; /* empty: they are drained */
};

/* Its rows go to `self`; all is borrowed. */
void collectors_init(struct collectors *c, struct keepers *keepers, const char *converter,
                     struct intake *in, struct selfmetrics *self,
                     const struct collectors_events *ev);
/* Before they are applied: when they ran is kept in this folder, the spool's. Else it is forgotten. */
void collectors_remember(struct collectors *c, int dirfd);
void collectors_free(struct collectors *c); /* once they are drained */
/* Never fails as a whole: what cannot be started is logged, and tried by collectors_retry(). `g` is
 * borrowed until another is applied; who needs more of it holds a reference. */
void collectors_apply(struct collectors *c, struct generation *g);
void collectors_retry(struct collectors *c); /* once a second */
void collectors_stop(struct collectors *c);  /* all of them leave */
void collectors_kill(struct collectors *c);  /* their time is up */
void collectors_metrics(const struct collectors *c, const struct self_round *at);
/* Of each a JSON object, in no order, with commas between; those that are refused and have never run are not
 * among them. */
void collectors_status(const struct collectors *c, struct buf *out);
/* Calls it for each socket of theirs. */
void collectors_sources(const struct collectors *c,
                        void (*each)(void *arg, const char *collector, const struct source *s),
                        void *arg);
