/* daemon/collector_socket.h - a collector's own socket: made as configured, and what came over it
 *
 * It outlives runs and configurations: what is written to it in between is not lost.
 */
#ifndef DAEMON_COLLECTOR_SOCKET_H
#define DAEMON_COLLECTOR_SOCKET_H
#include "base/why.h"
#include "conf/conf.h"
#include "daemon/selfmetrics.h"
#include "intake/intake.h"

struct collector_socket { /* all zero: there is none */
    struct source *source;
    bool brought_nothing; /* runs have ended well, and nothing ever came: logged */
};

/* At `path` (NULL: there was no memory for it), or brought up to date if it is there. False with a
 * sentence in why[]. */
bool collector_socket_open(struct collector_socket *s, struct intake *in, const struct conf *c,
                           const struct conf_collector *k, const char *path, struct why *why);
void collector_socket_close(struct collector_socket *s); /* no-op when there is none */

void collector_socket_run(struct collector_socket *s, int64_t slot_ns); /* begins */
/* What the run sent before it ended is stamped with its slot and is its own: all of it is taken in
 * first. `good`: it has ended well. */
void collector_socket_run_end(struct collector_socket *s, const char *name, bool good,
                              uint64_t *accepted, uint64_t *rejected);
uint64_t collector_socket_taken(const struct collector_socket *s);   /* since the start */
int64_t collector_socket_withheld(const struct collector_socket *s); /* source_withheld() */

void collector_socket_metrics(const struct collector_socket *s, const struct self_round *at);

#endif
