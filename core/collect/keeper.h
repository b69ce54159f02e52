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
#include <stdbool.h>
#include <stdint.h>

#include "collect/launch.h"

enum keeper_end {
    KEEPER_EXITED,  /* by itself: status                                        */
    KEEPER_TIMEOUT, /* it was ended because its time was up: status             */
    KEEPER_STOPPED, /* it was ended because garnetd asked: status               */
    KEEPER_FAILED,  /* it never ran: failure                                    */
    KEEPER_NONE,    /* nor was there a keeper for it: failure (garnetd's word)  */
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

/* What a keeper of runs does, for the nursery: `end` is an int, its end of a keeping_pair(). */
int keeper_keep_runs(void *end);
/* For garnetd. Asks for the end: TERM to the group, grace, KILL. Never blocks. Repeating it is harmless. */
void keeper_stop(int control);
/* Takes the report, if that is the next message. In front of it are the collector's pid, which is sent before its
 * exec, so before anything that it prints, and perhaps KEEPING_HANGS. */
bool keeper_report(int control, struct keeper_report *out);
