/* collect/keepers.h - garnetd's side of the nursery and its keepers: who is idle, and who is asked for
 *
 * A keeper is used for one run after the other: it reports when nothing of a run is left, and waits for
 * the next, of the same user: one who may alter a keeper (its limits, its niceness) alters it for
 * runs of nobody else. One is asked for when none is idle; what it is to do is written to it at once,
 * and waits in its socket until it is there. Those that were not needed for a while are let go. A
 * nursery that dies is replaced; the keepers that it had are garnetd's children then, and end with the
 * run that they are at. What the nursery would have inherited from one of those falls to garnetd as well.
 */
#pragma once
#include <sys/queue.h>

#include "base/loop.h"
#include "collect/job.h"
#include "collect/nursery.h"

struct keeper_link { /* one keeper, at garnetd's side */
    int control;
    uint32_t id;
    uid_t uid;     /* whose runs it has had */
    int64_t since; /* mono: idle */
    struct keepers *all;
    struct loop_fd watch;
    void (*said)(void *arg); /* there is something to be read, or it is gone; NULL: it is idle */
    void *arg;
    SLIST_ENTRY(keeper_link) idle;
};

struct keepers { /* its own to write */
    struct loop *loop;
    void (*left)(void *arg);
    void *arg;
    struct loop_child nursery;
    struct nursery_book *book;
    int control; /* the nursery's; -1: there is none */
    int error;   /* errno: why there is none */
    struct loop_fd watch;
    struct loop_timer again; /* for the next nursery */
    int64_t began;           /* mono: this one */
    uint32_t last_id, first; /* this nursery's first: those before it were another's */
    LIST_HEAD(, adopted) adopted;
    struct asked { /* what the nursery was not told yet */
        uint32_t id;
        int end; /* the keeper's end of its socket */
    } * asked;
    size_t nasked, cap;
    SLIST_HEAD(, keeper_link) idle;
    unsigned nidle;
    struct loop_timer look; /* for those that are idle for too long */
};

/* 0, or -1 with errno: there is no nursery. To be called before this process has grown. left(): something
 * may have fallen to this process that only KILL is right for; whoever is in the loop is not meant. */
int keepers_init(struct keepers *k, struct loop *l, void (*left)(void *arg), void *arg);
/* When none is in use. Waits until all of them have ended, but not beyond `until` (clock_mono()): one
 * that was at a run has been left by then, and ends that, and itself, in half a second. */
void keepers_free(struct keepers *k, int64_t until);

/* Has a keeper begin with the job; said() follows, from the loop. NULL with errno. */
struct keeper_link *keepers_begin(struct keepers *k, struct keeper_job *job, void (*said)(void *),
                                  void *arg);
/* `fit`: it has reported, and can be used again; else it is done with, whatever it is at. */
void keepers_give_back(struct keeper_link *link, bool fit);
/* Its run must end now, whatever it is at: it is killed, and what it kept is the nursery's then. One
 * whose nursery has died ends its run by itself as it is given back, so that one only must not be
 * stopped. To be given back next. */
void keepers_kill(const struct keeper_link *link);
/* It has not begun for long, so that it, or the nursery, is stopped: both are to go on. */
void keepers_wake(const struct keeper_link *link);
