/* collect/keeper.h - the runs' own side: a small process that keeps one run after the other, and all they start
 *
 * A fork of the nursery, subreaper of its runs. It starts a collector in a session of its own, as the
 * user and within the limits that it is to have, waits for it, enforces the timeout (TERM to its
 * process group, `grace`, KILL), and then kills whatever the run has left behind, setsid and double forks
 * included, until wait() says that there is nothing. Then it reports, over a seqpacket socket, and
 * waits for the next job: all that makes a run what it is happens in that run's process, so nothing of
 * it is left for the next. When the socket closes it exits with 0; if that is during a run (garnetd is
 * gone) it ends that first, at once: TERM, half a second, KILL. It logs nothing and holds nothing of
 * garnetd's but its socket.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "collect/job.h"

enum keeper_end {
    KEEPER_EXITED,  /* by itself: status                                        */
    KEEPER_TIMEOUT, /* it was ended because its time was up: status             */
    KEEPER_STOPPED, /* it was ended because garnetd asked: status               */
    KEEPER_FAILED,  /* it never ran: failure                                    */
    KEEPER_NONE,    /* nor was there a keeper for it: failure                   */
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

/* A socket for a keeper: garnetd's end and the keeper's, both non-blocking and close-on-exec. 0, or -1
 * with errno. */
int keeper_pair(int pair[2]);
/* Forks one, for jobs that come over its end, which stays the caller's to close. Its pid, or -1 with
 * errno. */
pid_t keeper_fork(int end);
/* From the end of a keeper that cannot be had: the report that says so. */
void keeper_refuse(int end, int error);
/* Asks for the end: TERM to the group, grace, KILL. Never blocks. Repeating it is harmless. */
void keeper_stop(int control);
/* The collector's pid, which it sends before its exec, so before anything that it prints. 0: not
 * there, or taken already. */
pid_t keeper_pid(int control);
/* Takes the report, if it is there, and the pid and that word if they are in front of it. */
bool keeper_report(int control, struct keeper_report *out);
/* Takes the word, which comes once a run at most, that KILL has not ended all of it for 2 s: something hangs in
 * the kernel. */
bool keeper_hangs(int control);
/* Nothing more will come. */
bool keeper_gone(int control);
