/* asking.h - what may never return, asked in processes of their own, all at the same time
 *
 * What has not answered in time is killed. A process that not even that ends stays where it is, and the same is not asked
 * again before it is gone: so there is one for each dead thing, however long this goes on. Each ends with who asks.
 *
 * A process for each answer that comes at once would be most of what a collector costs. So one that has answered is asked
 * the next question, where the question allows it; what keeps it for longer than ASKING_SOON has it for its own, and so have all
 * others of that round.
 */
#pragma once
#include <sys/types.h>

#include "base/clock.h"
#include "host/host.h"

enum {
    ASKING_MOST = 256,   /* processes at a time, with those that hang, over all rounds */
    ASKING_ANSWER = 512, /* bytes */
    ASKING_ABOUT = 5000, /* bytes */
};
#define ASKING_SOON   (10 * NS_PER_MS)
#define ASKING_KILLED NS_PER_S /* how long a process that was killed may take to end */

struct question {
    const char *shown; /* what is asked, in complaints */
    const char *key;   /* by which it is known again, with id */
    uint64_t id;
    /* In another process: puts the answer, which is all zero, and only there. It leaves nothing open or changed, since the
     * process may be asked again. */
    void (*ask)(const void *about, void *answer);
    const void *about;
    /* How many bytes there are to know about it, all of them at `about`, at most ASKING_ABOUT: a process that is there already may
     * be asked. 0: it takes a process that has our memory as it is now. */
    size_t bytes;
    size_t size; /* of the answer */
};

struct asking {
    struct question of; /* its texts are borrowed until asking_reap() */
    pid_t pid, parent;  /* -1: there is none */
    int fd;
    bool stays;                 /* it may be asked again */
    struct asking_place *place; /* NULL: none */
    bool answered;
    _Alignas(max_align_t) char answer[ASKING_ANSWER];
};

/* A complaint when it cannot be asked, or still hangs from before. May wait for ASKING_SOON, once in a round. */
void asking_begin(struct host *h, struct asking *a, const struct question *q);
/* True: the answer is there. False: it could not be asked, or has not answered by `until` (clock_mono()) and is killed, with
 * a complaint. */
bool asking_end(struct host *h, struct asking *a, int64_t until, void *answer);
/* The process that has answered, or was killed; after all have, since this may wait. */
void asking_reap(const struct asking *a, int64_t until);
