/* keep/keeping.h - what every keeper does: waits for the process that it is about, kills what that leaves
 * behind, setsid and double forks included, until wait() says that there is nothing, and talks to garnetd
 *
 * A keeper is a small process of its own, a subreaper with a session of its own, so that nothing a terminal
 * sends reaches it. It waits in one place for its socket, the end of a child, and a deadline. It logs nothing
 * and holds nothing of garnetd's but its end of that socket, of packets: over it come single bytes to it, and a job
 * (collect/keeper.h, keep/ward.h); from it a pid, single bytes, and at last a report, each told by its size.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/clock.h"

/* From KILL to the end of what was killed, unless it hangs in the kernel. */
#define KEEPING_KILL_TAKES (2 * NS_PER_S)

enum keeping_word {
    KEEPING_NOTHING = 0,
    KEEPING_GONE = -1,     /* garnetd is */
    KEEPING_HANGS = 'h',   /* to garnetd: KILL has not ended all of it for 2 s */
    KEEPING_STOPPED = 'z', /* to garnetd: somebody has, by a signal */
    KEEPING_GOES_ON = 'c',
    KEEPING_TERM = 't', /* to a keeper: its process, and that one's group */
    KEEPING_KILL = 'k'
};

struct keeping {
    int control;      /* -1 once garnetd has closed its end and we know */
    sigset_t waiting; /* the signal mask inside ppoll: SIGCHLD comes through */
    pid_t pid;        /* the process that it is about; 0 once it is reaped: */
    int status;
    struct rusage used;
    unsigned left_behind; /* that outlived it and had to be killed */
    bool reaped;          /* something was, since this was last cleared */
    bool hangs;           /* garnetd was told so */
};

/* --- in the keeper --- */

void keeping_begin(struct keeping *k, int control);
/* For the next process. */
void keeping_anew(struct keeping *k, pid_t pid);
/* Until something happens or the deadline (clock_mono(); INT64_MAX: never) has come: what garnetd says then. What
 * makes the socket ready is taken from it, since what stays there would end every wait at once. */
int keeping_wait(struct keeping *k, int64_t deadline);
/* Its group while there is one; the process itself too where the signal would else reach nobody (it has not
 * made its group yet, or has left it) and where it must die. */
void keeping_signal(const struct keeping *k, int signo);
/* Takes leave of every child that has ended, ours by adoption too. As the process itself does, its group is
 * killed. False when no child is left. */
bool keeping_reap(struct keeping *k);
/* Whatever it has left behind, once it has ended. True: nothing is left. False: nothing has ended for `most` ns; it
 * may be called again. `also`: what more can be killed at once; or NULL. */
bool keeping_kill_rest(struct keeping *k, int64_t most, void (*also)(void *arg), void *arg);
void keeping_say(const struct keeping *k, enum keeping_word w);
void keeping_say_hangs(struct keeping *k); /* once for a process */
/* One that cannot be sent is not waited for: garnetd is then told by the end of this keeper. */
void keeping_report(struct keeping *k, const void *report, size_t n);
/* garnetd has closed its end, whatever it has sent before: that is not to begin. */
bool keeping_deserted(int control);

/* --- at either end --- */

/* A socket for a keeper: garnetd's end and the keeper's, both non-blocking and close-on-exec. 0, or -1
 * with errno. */
int keeping_pair(int pair[2]);
/* From the end of a keeper that cannot be had: the report that says so. */
void keeping_refuse(int end, int error);

/* --- in garnetd, which never blocks --- */

void keeping_tell(int control, enum keeping_word w);
/* The next message, if it has n bytes: a report. */
bool keeping_take(int control, void *out, size_t n);
/* Its process's pid, which comes first. 0: not there, or taken already. */
pid_t keeping_pid(int control);
int keeping_hear(int control); /* a word, or KEEPING_NOTHING */
/* errno: there is no keeper; 0: that was not said. */
int keeping_refused(int control);
bool keeping_gone(int control); /* nothing more will come */
