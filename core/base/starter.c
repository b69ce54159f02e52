/* base/starter.c - clone(2) as vfork(2) does it, in a thread
 *
 * The child has the lower part of the thread's own stack, which needs nothing more while it stands still, and the
 * thread's errno.
 */
#include "base/starter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { OWN = 64 << 10, ALIGNED = 64 };

static int run_child(void *arg)
{
    struct starter *s = arg;

    (void)sem_post(&s->settled);
    return s->fn(s->arg);
}

/* Comes back when the child has become a program, or has ended. The kernel puts the pid down before the child runs
 * (CLONE_PARENT_SETTID), which may then be killed or stopped before it has done anything. */
static void start_child(struct starter *s)
{
    uintptr_t below = ((uintptr_t)__builtin_frame_address(0) - OWN) & ~(uintptr_t)(ALIGNED - 1);
    const int how = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD;

    if (clone(run_child, (void *)below, how, s, &s->pid) < 0) {
        s->error = errno;
        atomic_store(&s->pid, -1);
    }
    (void)sem_post(&s->settled);
}

static void *stand_still(void *arg)
{
    struct starter *s = arg;

    for (;;) {
        while (sem_wait(&s->wanted) < 0)
            continue;
        start_child(s);
    }
    return NULL;
}

/* --- the beginning --- */

/* What has become another user is his to look into: then its memory must not be ours. */
static bool users_may_look(void)
{
    int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
    char c = '0';

    if (fd >= 0)
        (void)!read(fd, &c, 1);
    fd_close(&fd);
    return c == '1';
}

/* False: there can be none. With all signals held, which it and its children inherit. */
static bool begin_thread(struct starter *s)
{
    pthread_attr_t attr;
    pthread_t thread;
    bool begun;

    if (pthread_attr_init(&attr) != 0)
        return false;
    begun = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED) == 0 &&
            pthread_attr_setstacksize(&attr, OWN + STARTER_STACK) == 0 &&
            pthread_create(&thread, &attr, stand_still, s) == 0;
    (void)pthread_attr_destroy(&attr);
    return begun;
}

static void begin_starter(struct starter *s)
{
    s->begun = true;
    (void)sem_init(&s->wanted, 0, 0);
    (void)sem_init(&s->settled, 0, 0);
    s->forks = users_may_look() || !begin_thread(s);
}

/* --- a child --- */

static pid_t fork_copy(struct starter *s)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(s->fn(s->arg));
    return pid;
}

/* A child that is stopped before it has said anything holds nobody up. */
static pid_t order_child(struct starter *s)
{
    pid_t pid;

    while (sem_trywait(&s->settled) == 0) /* what was said of the last one */
        continue;
    atomic_store(&s->pid, 0);
    (void)sem_post(&s->wanted);
    while ((pid = atomic_load(&s->pid)) == 0) {
        const struct timespec at = clock_timespec(clock_mono() + NS_PER_MS);

        (void)sem_clockwait(&s->settled, CLOCK_MONOTONIC, &at);
    }
    if (pid < 0)
        errno = s->error;
    return pid;
}

pid_t starter_start(struct starter *s, int (*fn)(void *arg), void *arg)
{
    sigset_t all, before;
    pid_t pid;
    int error;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!s->begun)
        begin_starter(s);
    s->fn = fn;
    s->arg = arg;
    pid = s->forks ? fork_copy(s) : order_child(s);
    error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}
