/* supervise/worker_process.h - one process of a worker: what is said over its socket, and its end
 *
 *   garnetd -> worker   'w'  there is more in the spool
 *                       'q'  finish: deliver what is there, then exit 0 (no time limit of its own)
 *   worker -> garnetd   'r'  ready: plugin loaded and open, options checked, cursor locked
 *                       'u'  useful work was done (at most one a second): the throttle is reset
 *                       'e'  all is done, it ends: an exit without that is its plugin's, whatever
 *                            the status
 *
 * Either side's end of the socket pair closing tells the other. The process has a group of its own, so
 * that a terminal's Ctrl-C reaches garnetd alone, and so that TERM and KILL reach what its plugin
 * has started, too. Nothing of the group outlives it; what a plugin has moved elsewhere may.
 */
#ifndef SUPERVISE_WORKER_PROCESS_H
#define SUPERVISE_WORKER_PROCESS_H
#include "base/loop.h"
#include "supervise/worker_log.h"

struct worker_process_events {
    void *arg;
    void (*message)(void *arg, char c);
    void (*hung_up)(void *arg); /* it has closed its end, and runs still */
    /* All that it has said was reported. */
    void (*ended)(void *arg, int status, const struct rusage *ru);
};

struct worker_process {
    struct loop *loop;
    const char *name; /* the sink's; borrowed */
    struct worker_process_events ev;
    struct loop_child child; /* pid 0: none runs */
    pid_t pid;               /* of the one that runs, or ran last */
    int control;             /* our end of the pair; -1: none */
    struct loop_fd watch;
    struct worker_log log;
};

struct worker_start { /* all borrowed */
    const char *program;
    int snapshot_fd, stdout_fd, board_fd;
};

void worker_process_init(struct worker_process *p, struct loop *l, const char *name,
                         const struct worker_process_events *ev);
int worker_process_start(struct worker_process *p,
                         const struct worker_start *s); /* -1 with errno */
void worker_process_send(const struct worker_process *p, char c);
/* 'w', unless one is unread: the worker looks into the spool after it has read that. */
void worker_process_wake(const struct worker_process *p);
/* To it and its group. */
void worker_process_signal(const struct worker_process *p, int signo);
bool worker_process_stopped(const struct worker_process *p); /* somebody has, by a signal */

#endif
