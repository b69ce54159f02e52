/* keep/nursery.h - the parent of all keepers, and the guard, its own: garnetd's first forks, small since they are
 * made so early
 *
 * The nursery forks keepers as it is asked to, and is their subreaper: what a keeper leaves that was killed
 * from outside falls to it, so it is ours by construction, and is killed until nothing is left. The guard is
 * the same to the nursery: it forks it, and inherits its keepers if it is killed, which go on, each with its own
 * socket to garnetd; and it forks the next nursery, so that one is small as well. If the guard is killed the nursery
 * can take its place, since both do all that either does. garnetd itself adopts nobody.
 *
 * They log nothing and are asked over seqpacket sockets. Once its socket is closed (garnetd is gone) and its last
 * child has ended, each of them ends, too.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

struct nursery_work {         /* what is done below it, by those above this folder */
    int (*runs)(void *end);   /* by a keeper of runs: its exit status, 0: it has left nothing */
    int (*helper)(void *job); /* by a ward that is no program: struct ward_job (keep/warder.h) */
};

enum nursery_wish {
    NURSERY_WISH, /* that it forks another nursery, and is its guard */
    NURSERY_LOST, /* its nursery is: that ends, if it has not, and its keepers are the guard's */
    NURSERY_RUNS, /* a keeper of runs */
    NURSERY_WARD, /* a keeper of one process of ours: keep/warder.h */
    NURSERY_KILL, /* KILL for that keeper, if it is there; what it kept is killed then */
    NURSERY_WAKE  /* CONT for that child, or (id 0) all: somebody may have stopped it */
};

/* Forks the guard, which has no nursery yet. Its pid, and in *control our end of its socket (non-blocking,
 * close-on-exec); or -1 with errno. `work` is borrowed for ever. */
pid_t nursery_start(const struct nursery_work *work, int *control);
/* For a wish for a process `end` is that one's end of a keeping_pair(), which stays the caller's; else -1. If none
 * can be forked, keeping_refused() says so there. 0, or -1 with errno: EAGAIN when it has been asked for
 * much and has not come to it yet. */
int nursery_ask(int control, enum nursery_wish wish, uint32_t id, int end);
