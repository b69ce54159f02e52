/* daemon/collectors.h - collectors with their sockets, by name
 *
 * Reconciles what runs with what is configured. A collector that a reload changes keeps its socket, so
 * that nothing written to it is lost; its new configuration starts when nothing of the old run is
 * left.
 */
#ifndef DAEMON_COLLECTORS_H
#define DAEMON_COLLECTORS_H
#include "base/loop.h"
#include "daemon/generation.h"
#include "daemon/selfmetrics.h"
#include "intake/intake.h"

struct collectors;

struct collectors_events {
    void *arg;
    void (*lost)(void *arg);    /* a keeper was killed: what it kept is garnetd's to end */
    void (*drained)(void *arg); /* none is left */
};

/* Its rows go to `self`. Both are borrowed. NULL: no memory. */
struct collectors *collectors_new(struct loop *l, struct intake *in, struct selfmetrics *self,
                                  const struct collectors_events *ev);
void collectors_free(struct collectors *c); /* once drained */
/* Never fails as a whole: what cannot be started is logged, and tried by collectors_retry(). */
void collectors_apply(struct collectors *c, struct generation *g);
void collectors_retry(struct collectors *c); /* once a second */
void collectors_stop(struct collectors *c);  /* all of them leave */
void collectors_kill(struct collectors *c);  /* their time is up */
bool collectors_drained(const struct collectors *c);
void collectors_metrics(const struct collectors *c, const struct self_round *at);

#endif
