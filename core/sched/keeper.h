/* sched/keeper.h - the run's own side: a small process that keeps one run and all it starts
 *
 * A plain fork of garnetd, subreaper of its run. It starts the collector in a process group of its
 * own, waits for it, enforces the timeout (TERM to the group, `grace`, KILL), and then kills
 * whatever the run has left behind, setsid and double forks included, until nothing is left. It
 * reports over a seqpacket socket and exits 0. When that socket closes (garnetd is gone) it does
 * the same at once: TERM, half a second, KILL. It allocates next to nothing, logs nothing and holds
 * nothing of garnetd's but its socket.
 */
#ifndef SCHED_KEEPER_H
#define SCHED_KEEPER_H
#include <stdint.h>
#include <sys/types.h>

#include "base/spawn.h"
#include "conf/conf.h"

struct keeper_job {
    const char *const *argv; /* argv[0] absolute; the socket path is its last element */
    const char *const *env;
    const char *cwd;        /* "/" */
    int out, err;           /* write ends for the collector's stdout and stderr */
    int64_t timeout, grace; /* ns */
};

enum keeper_end {
    KEEPER_EXITED,  /* by itself: status                                        */
    KEEPER_TIMEOUT, /* it was ended because its time was up: status             */
    KEEPER_STOPPED, /* it was ended because garnetd asked: status               */
    KEEPER_FAILED,  /* it never ran: error = errno of fork, chdir or exec       */
};

struct keeper_report { /* one message, when the collector itself has ended */
    uint32_t end;
    int32_t status; /* wait status */
    int32_t error;
    int64_t duration_ns;
    int64_t user_ns, system_ns;
    int64_t max_rss; /* bytes */
};

/* Forks the keeper. Returns its pid and in *control garnetd's end of the socket (non-blocking,
 * close-on-exec), or -1 with errno. The caller closes its own copies of out and err. The report
 * waits in the socket, also after the keeper has ended. */
pid_t keeper_start(const struct keeper_job *job, int *control);
/* Asks for the end: TERM to the group, grace, KILL. Never blocks. Repeating it is harmless. */
void keeper_stop(int control);
/* Takes the report, if it is there. */
bool keeper_report(int control, struct keeper_report *out);

#endif
