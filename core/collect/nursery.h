/* collect/nursery.h - the parent of all keepers: garnetd's first fork, small since it is made so early
 *
 * It forks keepers as it is asked to, and is their subreaper: what a keeper leaves that was killed
 * from outside falls to it, so it is ours by construction, and is killed until nothing is left. So
 * garnetd itself adopts nobody. It logs nothing and is asked over a seqpacket socket; once that is
 * closed (garnetd is gone) and the last keeper has ended, it ends too. If it dies, its keepers go on:
 * each has its own socket to garnetd, whose children they are then.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

enum { NURSERY_MOST = 16384 };

struct
    nursery_book { /* its keepers, in memory that it shares with garnetd: what is left when it dies */
    uint32_t n;
    pid_t pids[NURSERY_MOST];
    uint32_t ids[NURSERY_MOST];
};

/* An empty one, for one nursery after the other. NULL with errno. */
struct nursery_book *nursery_book_new(void);
void nursery_book_free(struct nursery_book *book);

/* Forks it. Its pid, and in *control our end of its socket (non-blocking, close-on-exec); or -1 with
 * errno. */
pid_t nursery_start(struct nursery_book *book, int *control);
/* A keeper behind `end`, its end of a keeper_pair(), which stays the caller's. If none can be forked,
 * a report that says so comes from there. 0, or -1 with errno: EAGAIN when it has been asked for much
 * and has not come to it yet. */
int nursery_ask(int control, uint32_t id, int end);
/* KILL for that keeper, if it is there; the nursery then sees to what it kept. */
int nursery_kill(int control, uint32_t id);
