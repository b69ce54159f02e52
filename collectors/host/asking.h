/* asking.h - what may never return, each asked in a process of its own, all at the same time
 *
 * What has not answered in time is killed. A process that not even that ends stays where it is, and the same is not asked
 * again before it is gone: so there is one for each dead thing, however long this goes on. Each ends with who asks.
 */
#pragma once
#include <sys/types.h>

#include "base/clock.h"
#include "host/host.h"

enum {
    ASKING_MOST = 256,   /* processes at a time, with those that hang, over all rounds */
    ASKING_ANSWER = 512, /* bytes */
};
#define ASKING_KILLED NS_PER_S /* how long a process that was killed may take to end */

struct question {
    const char *shown; /* what is asked, in complaints */
    const char *key;   /* by which it is known again, with id */
    uint64_t id;
    /* In a process of its own: puts the answer, which is all zero, and only there. */
    void (*ask)(const void *arg, void *answer);
    const void *arg;
    size_t size; /* of the answer */
};

struct asking {
    struct question of; /* its texts are borrowed until asking_reap() */
    pid_t pid, parent;  /* -1: there is none */
    int fd;
    struct asking_place *place; /* NULL: none */
};

/* A complaint when it cannot be asked, or still hangs from before. */
void asking_begin(struct host *h, struct asking *a, const struct question *q);
/* True: the answer is there. False: it could not be asked, or has not answered by `until` (clock_mono()) and is killed, with
 * a complaint. */
bool asking_end(struct host *h, struct asking *a, int64_t until, void *answer);
/* The process that has answered, or was killed; after all have, since this may wait. */
void asking_reap(const struct asking *a, int64_t until);
