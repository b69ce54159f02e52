/* collect/keeper.h - the run's own side: a small process that keeps one run and all it starts
 *
 * A plain fork of garnetd, subreaper of its run. It starts the collector in a process group of its
 * own, as the user and within the limits that it is to have, waits for it, enforces the timeout
 * (TERM to the group, `grace`, KILL), and then kills whatever the run has left behind, setsid and
 * double forks included, until nothing is left. It reports over a seqpacket socket and exits 0.
 * When that socket closes (garnetd is gone) it does the same at once: TERM, half a second, KILL. It
 * allocates next to nothing, logs nothing and holds nothing of garnetd's but its socket.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "collect/launch.h"

struct keeper_job {
    struct launch launch;
    int64_t timeout, grace; /* ns */
};

enum keeper_end {
    KEEPER_EXITED,  /* by itself: status                                        */
    KEEPER_TIMEOUT, /* it was ended because its time was up: status             */
    KEEPER_STOPPED, /* it was ended because garnetd asked: status               */
    KEEPER_FAILED,  /* it never ran: failure                                    */
};

struct keeper_report { /* one message, when nothing of the run is left */
    uint32_t end;
    int32_t status; /* wait status */
    int64_t duration_ns;
    int64_t user_ns, system_ns;
    int64_t max_rss;      /* bytes */
    uint32_t left_behind; /* processes that outlived the collector and had to be killed */
    struct launch_failure failure;
};

/* Forks the keeper. Returns its pid and in *control garnetd's end of the socket (non-blocking,
 * close-on-exec), or -1 with errno. The caller closes its own copies of out and err. The report
 * waits in the socket, also after the keeper has ended. */
pid_t keeper_start(const struct keeper_job *job, int *control);
/* Asks for the end: TERM to the group, grace, KILL. Never blocks. Repeating it is harmless. */
void keeper_stop(int control);
/* The collector's pid, which it sends before its exec, so before anything that it prints. 0: not
 * there, or taken already. */
pid_t keeper_pid(int control);
/* Takes the report, if it is there, and the pid if that is in front of it. */
bool keeper_report(int control, struct keeper_report *out);
