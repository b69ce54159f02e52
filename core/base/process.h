/* base/process.h - processes: fork with a known state, signals, a child's end, a parent
 *
 * Plain fork: a vfork-class spawn would hold the parent while the child blocks before exec (base/starter.h
 * has one that does not, for who starts programs all day). In the child, before anything else: all signals
 * back to default and unblocked, every descriptor closed but those named. So a child never holds a lock, a
 * listening socket or a client of its parent's.
 *
 * A signal that comes before its handler ends the program. So the first line of a main that has
 * handlers is signals_hold(), and a helper begins with all of them held. When the handlers are
 * there, signals_release(); loop_new() (base/loop.h) releases all but its own.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void signals_hold(void);
void signals_release(void);
/* Each one's own action, for a child: what its parent has set is not its own. A helper that has programs run sets no
 * others than those that the two functions below set. */
void signals_default(void);
/* Neither TERM, INT nor HUP: what a terminal or a service manager sends to the whole group is not
 * for a helper that must outlive the end of its parent's work. */
void signals_ignore_ends(void);

/* For a process that waits in one place: SIGCHLD ends process_await(), and nothing else. */
void signals_await_children(sigset_t *waiting);
/* Until fd (-1: none) has something to say, a child has ended or the deadline (clock_mono(); INT64_MAX:
 * never) has come. True when it is fd. */
bool process_await(int fd, int64_t deadline, const sigset_t *waiting);

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
 * descriptors and execs. Returns only on failure, with errno: what failed, or NULL for the program
 * itself; descriptors are then already rearranged. */
const char *spawn_exec(const struct spawn *s);

/* Forks a helper that stays in this program's image: comm becomes `name` (15 bytes at most),
 * keep[0..n-1] stay open under their own numbers beside 0, 1, 2, and fn(arg)'s result is its
 * exit status. fn begins with all signals at their default and held: it sets what it has handlers
 * for, and then calls signals_release(). Returns the pid, or -1 with errno. */
pid_t spawn_helper(const char *name, const int *keep, size_t n, int (*fn)(void *arg), void *arg);

/* As many descriptors as the hard limit allows, for this process; programs that it starts get the
 * limit that it was started with. Best effort. */
void spawn_raise_files(void);

/* Threads that are started without a size of their own get a stack of this much: what a library sets aside for them counts
 * as memory in use, whether it is touched or not, and 8 MiB each is more than a process may have. Best effort. */
enum { PROCESS_STACK = 1 << 20 };
void process_small_stacks(void);
/* Waits for a child's end, but not beyond `until` (clock_mono()), and reaps it. False: it runs on. True:
 * *status is how it ended, or 0 if it is no child of ours, or not any more. */
bool process_wait(pid_t pid, int64_t until, int *status);
/* The parent of `pid`, an entry of the folder /proc that is open as `proc`; 0: it is gone. */
pid_t process_parent(int proc, const char *pid);
