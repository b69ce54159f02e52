/* collect/keeper.h - the run's own side: a small process that keeps one run and all it starts
 *
 * A plain fork of garnetd, subreaper of its run. It starts the collector in a process group of its
 * own, as the user and within the limits that it is to have, waits for it, enforces the timeout
 * (TERM to the group, `grace`, KILL), and then kills whatever the run has left behind, setsid and
 * double forks included, until nothing is left. It reports over a seqpacket socket and exits 0.
 * When that socket closes (garnetd is gone) it does the same at once: TERM, half a second, KILL. It
 * allocates next to nothing, logs nothing and holds nothing of garnetd's but its socket.
 */
#ifndef COLLECT_KEEPER_H
#define COLLECT_KEEPER_H
#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"
#include "collect/confine.h"
#include "conf/conf.h"

struct keeper_job {
    const struct conf_collector *conf; /* of it: name, identity, limits, nice, no_new_privs */
    const char *const *argv;           /* argv[0] absolute; the socket path is its last element */
    const char *const *env;
    const char *cwd;        /* "/" */
    int out, err;           /* write ends for the collector's stdout and stderr */
    int64_t timeout, grace; /* ns */
};

enum keeper_end {
    KEEPER_EXITED,  /* by itself: status                                        */
    KEEPER_TIMEOUT, /* it was ended because its time was up: status             */
    KEEPER_STOPPED, /* it was ended because garnetd asked: status               */
    KEEPER_FAILED,  /* it never ran: step, and its errno in `error`             */
};

struct keeper_report { /* one message, when nothing of the run is left */
    uint32_t end;
    int32_t status; /* wait status */
    int32_t error;
    uint32_t step; /* enum run_step */
    int64_t duration_ns;
    int64_t user_ns, system_ns;
    int64_t max_rss;      /* bytes */
    uint32_t left_behind; /* processes that outlived the collector and had to be killed */
    uint32_t unused;
    struct why why; /* of STEP_EXEC: what is wrong with the program, or "" */
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
/* Why it never ran: "cannot switch to user nobody: Operation not permitted". */
void keeper_describe(const struct keeper_report *r, const struct conf_collector *c,
                     struct why *why);
/* "start", "cgroup", "limits", "nice", "user", "privileges", "folder", "exec" */
const char *keeper_step_name(uint32_t step);

#endif
