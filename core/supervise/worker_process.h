/* supervise/worker_process.h - one process of a worker: what is said over its socket, its log, its end
 *
 * What is between the two is in model/worker.h. The process is under a keeper of its own (keep/ward.h) and has a
 * group of its own, so that TERM and KILL reach what its plugin has started, too. Nothing that it has started
 * outlives it.
 *
 * No worker has garnetd's log: it has two pipes of its own. Over one come its own lines with their
 * levels (base/log.h, log_relay()), over the other whatever is printed in its process: mostly by the
 * plugin, but also by the C library, the loader, a fork that cannot run the worker's program. Both are
 * written down under the worker's name, escaped and within a quota each, so that neither can look
 * like garnetd's own words, nor drown them, nor hide why a worker ends behind what its plugin
 * prints. In one process with its plugin a worker cannot keep its lines to itself: what stands under
 * its name may be the plugin's.
 */
#pragma once
#include "base/logpipe.h"
#include "base/loop.h"
#include "base/remark.h"
#include "keep/ward.h"
#include "model/worker.h"

struct worker_process_events {
    void *arg;
    void (*message)(void *arg, enum worker_word w);
    void (*hung_up)(void *arg); /* it has closed its end, and runs still */
    void (*hangs)(void *arg);   /* KILL has not ended it, or something that it has started */
    /* All that it has said was reported. */
    void (*ended)(void *arg, const struct ward_end *end);
};

struct worker_process {
    struct loop *loop;
    const char *name; /* the sink's; borrowed */
    char ident[96];   /* its name in the log */
    struct worker_process_events ev;
    char who[96]; /* and that of its start */
    struct ward ward;
    int control; /* our end of the pair; -1: none */
    struct loop_fd watch;
    struct logpipe_owner says, prints;
    struct logpipe said, printed;
    struct remark
        trouble; /* the last that it has said, as a warning or worse; its owner may add its own */
};

struct worker_start { /* all borrowed */
    struct keepers *keepers;
    const char *program; /* garnet-sink */
    int snapshot_fd;     /* a memfd with the accepted snapshot. Its offset is shared: pread */
    int stdout_fd;       /* garnetd's stdout, for the stdout transport; or -1 */
    int board_fd;
};

void worker_process_init(struct worker_process *p, struct loop *l, const char *name,
                         const struct worker_process_events *ev);
/* 0, or -1 with errno. */
int worker_process_start(struct worker_process *p, const struct worker_start *s);
void worker_process_send(const struct worker_process *p, enum worker_word w);
/* WORKER_WAKE, unless one is unread: the worker looks into the spool after it has read that. */
void worker_process_wake(const struct worker_process *p);
/* It is left as it is: nothing of it is read any more, and nobody waits for its end. */
void worker_process_abandon(struct worker_process *p);
