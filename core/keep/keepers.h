/* keep/keepers.h - garnetd's side of the nursery, its guard and its keepers: who is idle, and who is asked for
 *
 * A keeper of runs is used for one run after the other: it reports when nothing of a run is left, and waits for
 * the next, of the same sort: the same user, since one who may alter a keeper (its limits, its niceness)
 * is to alter it for runs of nobody else; and what it has given up for them for good it has given up. One is asked for when none is idle; what it is to do is written to it at once,
 * and waits in its socket until it is there. Those that were not needed for a while are let go. A
 * nursery that dies is replaced by its guard, whose children the keepers are then; they end with the run that
 * they are at. A guard that dies is replaced by the nursery, which forks another one. If both die, garnetd
 * forks a guard once more. A keeper that is below neither then ends what it is at, at once: if it were killed as well,
 * nobody of ours would inherit what it kept.
 */
#pragma once
#include <sys/queue.h>

#include "base/loop.h"
#include "keep/nursery.h"

struct keeper_use { /* what a keeper is taken for */
    enum nursery_wish kind;
    uint64_t sort;   /* of NURSERY_RUNS: a keeper has runs of one sort only */
    const char *who; /* for the log: "collector probe: the run"; borrowed until it has begun */
    const void *job; /* borrowed */
    int (*send)(int control, const void *job); /* 0, or -1 with errno; never blocks */
    void (*said)(void *arg);                   /* there is something to be read, or it is gone */
    void *arg;
};

struct keeper_link { /* one keeper, at garnetd's side */
    int control;
    uint32_t id;
    uint64_t sort; /* of the runs that it has had */
    int64_t since; /* mono: idle */
    struct keepers *all;
    struct loop_fd watch;
    struct loop_timer begin; /* it should have said something by then */
    const char *who;
    void (*said)(void *arg); /* NULL: it is idle */
    void *arg;
    SLIST_ENTRY(keeper_link) idle;
    LIST_ENTRY(keeper_link) entries;
};

struct nursery_link { /* to the guard, or to the nursery */
    int control;      /* -1: there is none */
    struct loop_fd watch;
};

struct keepers { /* its own to write */
    struct loop *loop;
    const struct nursery_work *work;
    struct nursery_link guard, nursery;
    struct loop_child child; /* the guard, as long as it is garnetd's own fork */
    int error;               /* errno: why there is no nursery */
    struct loop_timer again; /* for the next one */
    int64_t began;           /* mono: this one */
    uint32_t last_id, first; /* this nursery's first: those before it were another's */
    struct keeper_asked {    /* what the nursery was not told yet */
        enum nursery_wish kind;
        uint32_t id;
        int end; /* the keeper's end of its socket */
    } * asked;
    size_t nasked, cap;
    LIST_HEAD(, keeper_link) all;
    SLIST_HEAD(, keeper_link) idle;
    unsigned nidle;
    struct loop_timer look; /* for those that are idle for too long */
};

/* 0, or -1 with errno: there is no guard. To be called before this process has grown. */
int keepers_init(struct keepers *k, struct loop *l, const struct nursery_work *work);
/* When none is in use. Waits until all of them have ended, but not beyond `until` (clock_mono()): one
 * that was at a run has been left by then, and ends that, and itself, in half a second. */
void keepers_free(struct keepers *k, int64_t until);

/* Has a keeper begin; said() follows, from the loop. NULL with errno. */
struct keeper_link *keepers_begin(struct keepers *k, const struct keeper_use *use);
/* `fit`: it has reported, and can be used again; else it is done with, whatever it is at. */
void keepers_give_back(struct keeper_link *link, bool fit);
/* Its keeper, or the nursery, may have been stopped by somebody: both are to go on. */
void keepers_wake(const struct keeper_link *link);
/* What it keeps must end now: it is killed, and what it kept is the nursery's, or the guard's, to kill. To be given
 * back next. */
void keepers_kill(const struct keeper_link *link);
