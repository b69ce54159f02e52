/* supervise/supervisor.h - a sink's worker, from garnetd's side: start, ready, throttle, stop
 *
 * A worker is a process of its own (garnet-sink) that is expected to die now and then: its
 * supervisor starts it again, throttled when it died before it did useful work. The only things
 * between the two are a socket pair (supervise/worker_process.h), a page of memory
 * (model/scoreboard.h) and the spool on disk.
 */
#ifndef SUPERVISE_SUPERVISOR_H
#define SUPERVISE_SUPERVISOR_H
#include "base/loop.h"
#include "model/scoreboard.h"

struct supervisor;

struct supervisor_config {
    const char *program; /* garnet-sink */
    const char *name;    /* the sink's */
    int snapshot_fd; /* a memfd with the accepted snapshot; borrowed. Its offset is shared: pread */
    bool (*prepare)(void *arg); /* before every start; false: not now, it is tried again later */
    void (*ended)(void *arg);   /* after every end of a process of it: it may have left others */
    void *arg;
    int stdout_fd;        /* garnetd's stdout, for the stdout transport; borrowed; or -1 */
    int64_t memory_limit; /* that it has set itself, in bytes; 0: none */
};

/* Starts the worker. NULL: no memory. */
struct supervisor *supervisor_new(struct loop *l, const struct supervisor_config *c);
void supervisor_wake(struct supervisor *s); /* there is more in the spool */
/* Asks the worker to finish; TERM after `grace` ns, KILL 1 s later; then gone(arg): free it. */
void supervisor_stop(struct supervisor *s, int64_t grace, void (*gone)(void *arg), void *arg);
bool supervisor_ready(const struct supervisor *s);
pid_t supervisor_pid(const struct supervisor *s); /* the worker's; 0 while none runs */
/* Its peer has stopped reading, as the worker says; or it does not come back from what it is at. */
bool supervisor_stalled(const struct supervisor *s);
uint64_t supervisor_restarts(const struct supervisor *s);
/* NULL before the first start. */
const struct scoreboard *supervisor_scoreboard(const struct supervisor *s);
void supervisor_free(struct supervisor *s); /* only when no worker is alive */

#endif
