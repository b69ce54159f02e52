/* tests/rig/sync_rig.h - what the tests of the sync helper share: what it has said, a disk that fails, its pid */
#ifndef SYNC_RIG_H
#define SYNC_RIG_H
#include "rig/spool_dir.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "spool/sync.h"

struct seen {
    uint64_t seq;
    enum sync_verdict verdict;
    int error;
    unsigned calls;
};

static inline void note(void *arg, enum sync_verdict v, uint64_t seq, int error)
{
    struct seen *s = arg;

    cr_assert_geq(seq, s->seq);
    cr_assert_eq(v == SYNC_SAFE, error == 0);
    s->verdict = v;
    s->seq = seq;
    s->error = error;
    s->calls++;
}

static struct append *to_seal;
static void (*on_seal)(void); /* just before it is written again */

static inline uint64_t seal(void *arg)
{
    (void)arg;
    if (on_seal)
        on_seal();
    return to_seal ? append_seal(to_seal) : 0;
}

static inline struct sync *begin(struct loop *l, struct append *a, struct seen *seen)
{
    struct sync_events ev = {seen, note, seal};

    to_seal = a;
    return sync_start(l, append_dirfd(a), append_next_seq(a), &ev);
}

static inline void until(struct loop *l, const struct seen *s, uint64_t seq)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (s->seq < seq) {
        cr_assert_lt(clock_mono(), end, "not synced in 20 s");
        loop_turn(l, NS_PER_S);
    }
}

/* In place of libc's, and in the helper, which is a fork: so many of them fail, as on a bad disk. */
static int *to_skip, *to_fail, *done; /* first these work; done: all that did */
static bool dumb;                     /* who fails has no time to say so */

int fdatasync(int fd)
{
    if (to_skip && *to_skip > 0)
        --*to_skip;
    else if (to_fail && *to_fail > 0) {
        --*to_fail;
        if (dumb)
            raise(SIGKILL);
        errno = EIO;
        return -1;
    }
    if (done)
        ++*done;
    return (int)syscall(SYS_fdatasync, fd);
}

static inline void fail(int n)
{
    if (!to_fail) {
        to_fail = mmap(NULL, 3 * sizeof *to_fail, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(to_fail, MAP_FAILED);
        done = to_fail + 1;
        to_skip = to_fail + 2;
    }
    *to_fail = n;
}

static inline ino_t inode(uint64_t first_seq)
{
    char name[SEGMENT_NAME];
    struct stat st;

    segment_name(name, first_seq);
    cr_assert_eq(fstatat(dirfd_, name, &st, 0), 0);
    return st.st_ino;
}

/* The one child of this process; 0: none. */
static inline pid_t helper(void)
{
    char path[64];
    long pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/self/task/%ld/children", (long)getpid());
    cr_assert_not_null(f = fopen(path, "re"));
    if (fscanf(f, "%ld", &pid) != 1)
        pid = 0;
    fclose(f);
    return (pid_t)pid;
}

static inline void wait_calls(struct loop *l, const struct seen *s, unsigned calls)
{
    int64_t end = clock_mono() + 20 * NS_PER_S;

    while (s->calls < calls) {
        cr_assert_lt(clock_mono(), end, "no answer in 20 s");
        loop_turn(l, NS_PER_S);
    }
}

#endif
