/* base/starter.h - a child that has our memory until its exec, and a caller that does not wait for that
 *
 * fork(2) copies the tables of all memory, which costs as much as all else of a start; vfork(2) copies nothing, but
 * who calls it stands still until the exec, and that may hang (a dead network folder). So here a thread calls it,
 * which ends with the exec or with the child.
 *
 * fn runs in the child with all signals held, and on a small stack. Its descriptors, handlers, folder, umask, limits,
 * user and session are its own; memory is ours. So it ends in an exec or in _exit(), it allocates nothing and takes no
 * lock (whoever kills it there would leave it locked), it writes only what is meant for us, and it calls nothing that
 * the library does for all threads of a process (setuid(3) and its like: see base/privileges.h).
 */
#pragma once
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/types.h>

enum { STARTER_STACK = 128 << 10 };

struct starter { /* all zero: nothing was started yet */
    pthread_t thread;
    bool begun;    /* there is a thread, or what is left of one */
    sem_t settled; /* it is known whether there is a child */
    pid_t pid;
    int error;
    int (*fn)(void *arg);
    void *arg;
};

/* The child's pid as soon as there is one, or -1 with errno. One child at a time: the last one has been waited for. */
pid_t starter_start(struct starter *s, int (*fn)(void *arg), void *arg);
