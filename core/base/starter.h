/* base/starter.h - a child that has our memory until its exec, and a caller that does not wait for that
 *
 * fork(2) copies the tables of all memory, which costs as much as all else of a start; vfork(2) copies nothing, but
 * who calls it stands still until the exec, and that may hang (a dead network folder). So here a thread calls it, which
 * is the child's parent (PR_SET_PDEATHSIG is about that thread) and so lives as long as we do. Where there can
 * be no thread, or where the kernel would let a user look into the memory of who has become him
 * (fs.suid_dumpable = 1), it is fork(2) all the same.
 *
 * fn runs in the child with all signals held, and on a small stack. Its descriptors, handlers, folder, umask, limits,
 * user and session are its own; memory may be ours. So it ends in an exec or in _exit(), it allocates nothing and takes
 * no lock (whoever kills it there would leave it locked), what it has to tell it writes into shared memory, and it calls
 * nothing that the library does for all threads of a process (setuid(3) and its like: see base/privileges.h).
 */
#pragma once
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

enum { STARTER_STACK = 128 << 10 };

struct starter {       /* all zero: nothing was started yet */
    bool begun, forks; /* forks: there is no thread */
    sem_t wanted;      /* a child is */
    sem_t settled;     /* it is known whether there is one; it is no harm if that is said twice */
    _Atomic pid_t pid; /* 0: not known yet; -1: none, for `error` */
    int error;
    int (*fn)(void *arg);
    void *arg;
};

/* The child's pid as soon as there is one, or -1 with errno. One child at a time: the last one has been waited for. The
 * struct stays until the process ends. */
pid_t starter_start(struct starter *s, int (*fn)(void *arg), void *arg);
