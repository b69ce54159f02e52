/* base/spawn.h - fork with a known state: which descriptors, which signals, which name
 *
 * Plain fork everywhere: a vfork-class spawn would hold the parent while the child blocks before
 * exec. In the child, before anything else: all signals back to default and unblocked, every
 * descriptor closed but those named. So a child never holds a lock, a listening socket or a
 * client of its parent's.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SPAWN_MAX_FDS = 8 };

/* A program. Descriptors fds[0..nfds-1] become 0..nfds-1; -1 means /dev/null. */
struct spawn {
    const char *const *argv; /* argv[0] is the path to exec; NULL-terminated */
    const char *const *env;  /* NULL-terminated; NULL = the parent's          */
    const char *cwd;         /* NULL = the parent's                           */
    int fds[SPAWN_MAX_FDS];
    size_t nfds;
    bool own_group; /* setpgid(0, 0) before exec */
};

/* Forks and execs. Returns the pid, or -1 with errno from fork. A failed exec ends the child with
 * status 127 after one line "cannot run ARGV0: reason" on its descriptor 2. */
pid_t spawn_program(const struct spawn *s);

/* What spawn_program() does in the child, for a caller that has forked by itself: sets up
 * descriptors and execs. Returns only on failure, with errno; descriptors are then already
 * rearranged. */
void spawn_exec(const struct spawn *s);

/* Forks a helper that stays in this program's image: comm becomes `name` (15 bytes at most),
 * keep[0..n-1] stay open under their own numbers beside 0, 1, 2, and fn(arg)'s result is its
 * exit status. fn begins with all signals at their default and held: it sets what it has handlers
 * for, and then calls signals_release(). Returns the pid, or -1 with errno. */
pid_t spawn_helper(const char *name, const int *keep, size_t n, int (*fn)(void *arg), void *arg);

/* As many descriptors as the hard limit allows, for this process; programs that it starts get the
 * limit that it was started with. Best effort. */
void spawn_raise_files(void);

#endif
