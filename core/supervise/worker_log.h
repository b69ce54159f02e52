/* supervise/worker_log.h - what a worker says, and what its plugin prints, into garnetd's log
 *
 * No worker has garnetd's log: it has two pipes of its own. Over one come its own lines with their
 * levels (base/log.h, log_relay()), over the other whatever is printed in its process. Both are
 * written down under the worker's name, escaped and within a quota each, so that neither can look
 * like garnetd's own words, nor drown them, nor hide why a worker ends behind what its plugin
 * prints. In one process with its plugin a worker cannot keep its lines to itself: what stands under
 * its name may be the plugin's.
 */
#ifndef SUPERVISE_WORKER_LOG_H
#define SUPERVISE_WORKER_LOG_H
#include "base/logpipe.h"

enum { WORKER_LOG_FD = 6 }; /* where a worker finds the pipe for its own lines */

struct worker_log {
    const char *name; /* the sink's; borrowed */
    char ident[96];
    struct logpipe_owner says, prints;
    struct logpipe said, printed;
};

void worker_log_init(struct worker_log *w, const char *name);
/* Makes the pipes, for one worker. The write ends, both the caller's to close: what is to be its
 * WORKER_LOG_FD, and its standard error. False with errno and nothing open. */
bool worker_log_open(struct worker_log *w, struct loop *l, int *own, int *print);
/* What is still in them, and what was left out; closes. After the worker's end; no-op when closed. */
void worker_log_close(struct worker_log *w);

#endif
