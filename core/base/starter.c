/* base/starter.c - clone(2) as vfork(2) does it, in a thread
 *
 * The child has the lower part of the thread's own stack, which needs nothing more while it stands still, and the
 * thread's errno. Without memory or room for a thread nothing is started.
 */
#include "base/starter.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>

enum { OWN = 64 << 10, ALIGNED = 64 };

static int run_child(void *arg)
{
    struct starter *s = arg;

    (void)sem_post(&s->settled); /* CLONE_PARENT_SETTID: the pid is there already */
    return s->fn(s->arg);
}

/* Comes back when the child has become a program, or has ended. */
static void *stand_still(void *arg)
{
    struct starter *s = arg;
    uintptr_t below = ((uintptr_t)__builtin_frame_address(0) - OWN) & ~(uintptr_t)(ALIGNED - 1);
    const int how = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD;

    if (clone(run_child, (void *)below, how, s, &s->pid) < 0) {
        s->error = errno;
        s->pid = -1;
    }
    (void)sem_post(&s->settled); /* also for a child that was killed before it could */
    return NULL;
}

/* With all signals held, which the child inherits. */
static int begin_thread(struct starter *s)
{
    pthread_attr_t attr;
    sigset_t all, before;
    int error = pthread_attr_init(&attr);

    if (error != 0)
        return error;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_attr_setstacksize(&attr, OWN + STARTER_STACK);
    if (error == 0)
        error = pthread_create(&s->thread, &attr, stand_still, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    return error;
}

pid_t starter_start(struct starter *s, int (*fn)(void *arg), void *arg)
{
    if (s->begun)
        (void)pthread_join(s->thread, NULL);
    *s = (struct starter){.fn = fn, .arg = arg};
    (void)sem_init(&s->settled, 0, 0);
    errno = begin_thread(s);
    if (errno != 0)
        return -1;
    s->begun = true;
    while (sem_wait(&s->settled) < 0)
        continue; /* EINTR */
    if (s->pid < 0)
        errno = s->error;
    return s->pid;
}
