/* supervise/sink_process.h - one sink worker, from garnetd's side: start, ready, throttle, stop
 *
 * A worker is a process of its own (garnet-sink) that is expected to die now and then: it is
 * started again, throttled when it dies before it did useful work. The only things between the two
 * are a socket pair, a board of memory (model/scoreboard.h) and the spool on disk: garnetd wakes it by a
 * byte, and either side's end of the pair closing tells the other. The scoreboard says which metric the
 * plugin had when it died or hung (supervise/poison.h), and tells the next worker which to leave out.
 *
 *   garnetd -> worker   'w'  there is more in the spool
 *                       'q'  finish: deliver what is there, then exit 0 (no time limit of its own)
 *   worker -> garnetd   'r'  ready: plugin loaded and open, options checked, cursor locked
 *                       'u'  useful work was done (at most one a second): the throttle is reset
 *                       'e'  all is done, it ends: an exit without that is its plugin's, whatever
 *                            the status
 */
#ifndef SUPERVISE_SINK_PROCESS_H
#define SUPERVISE_SINK_PROCESS_H
#include "base/loop.h"
#include "conf/conf.h"
#include "model/scoreboard.h"

struct worker;

struct worker_config {
    const char *program; /* garnet-sink */
    const char *name;    /* the sink's */
    int snapshot_fd; /* a memfd with the accepted snapshot; borrowed. Its offset is shared: pread */
    bool (*prepare)(void *arg); /* before every start; false: not now, it is tried again later */
    void (*ended)(void *arg);   /* after every end of a process of it: it may have left others */
    void *arg;
    int stdout_fd;        /* garnetd's stdout, for the stdout transport; borrowed; or -1 */
    int64_t memory_limit; /* that it has set itself, in bytes; 0: none */
};

/* Starts it. NULL: no memory. */
struct worker *worker_new(struct loop *l, const struct worker_config *c);
void worker_wake(struct worker *w);
/* Asks it to finish; TERM after `grace` ns, KILL 1 s later; then gone(arg): free it. */
void worker_stop(struct worker *w, int64_t grace, void (*gone)(void *arg), void *arg);
bool worker_ready(const struct worker *w);
pid_t worker_pid(const struct worker *w); /* 0 while none runs */
/* Its peer has stopped reading, as it says itself; or it does not come back from what it is at. */
bool worker_stalled(const struct worker *w);
uint64_t worker_restarts(const struct worker *w);
const struct scoreboard *
worker_scoreboard(const struct worker *w); /* NULL before the first start */
void worker_free(struct worker *w);        /* only when no process of it is alive */

#endif
