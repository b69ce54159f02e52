/* base/loop.h - one poll loop: descriptors, timers, children, signals
 *
 * Level-triggered epoll underneath, so that idle descriptors cost nothing. A turn is: wait for
 * the nearest deadline, run due timers (those that became due together are set aside first, so
 * that a timer re-armed for "now" cannot starve the rest), then the ready descriptors, then the
 * after-turn hooks.
 *
 * All watchers are structs inside their owner: adding one allocates nothing, so only the kernel can
 * refuse, and only for descriptors. A watcher may be removed, re-added or its owner freed from any
 * callback, its own included; a removed watcher is never called again, not even in the same turn.
 *
 * Signals arrive through a signalfd. loop_new() blocks SIGCHLD, SIGHUP, SIGTERM, SIGINT, lets
 * all others through (base/process.h) and ignores SIGPIPE; children get all of that undone by base/process.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

struct loop;

enum { LOOP_IN = 1, LOOP_OUT = 2, LOOP_HUP = 4 }; /* HUP (hang-up or error) is always reported */

struct loop_fd {
    int fd; /* borrowed; -1 when not in a loop */
    uint32_t events;
    void (*fn)(void *arg, uint32_t events);
    void *arg;
};

struct loop_timer {
    int64_t at; /* monotonic ns */
    void (*fn)(void *arg);
    void *arg;
    bool armed;                             /* the rest is base/timers.c's: */
    bool due;                               /* in the due list, not in the heap */
    struct loop_timer *child, *next, *prev; /* in the heap; prev: the left sibling, or the parent */
    TAILQ_ENTRY(loop_timer) in_due;
};

struct loop_child {
    pid_t pid;                                                  /* 0 when not waited for */
    void (*fn)(void *arg, int status, const struct rusage *ru); /* wait4's */
    void *arg;
    LIST_ENTRY(loop_child) others;
};

struct loop_hook {         /* called once after every turn */
    void (*fn)(void *arg); /* NULL when not in a loop */
    void *arg;
    TAILQ_ENTRY(loop_hook) others;
};

struct loop *loop_new(void); /* NULL with errno */
void loop_free(struct loop *l);
void loop_run(struct loop *l); /* until loop_stop() */
void loop_stop(struct loop *l);
bool loop_turn(struct loop *l,
               int64_t max_wait_ns); /* one turn; < 0: no limit; false once stopped */
/* The wait after this turn ends no sooner than `until` (monotonic ns), but for a timer: what comes meanwhile is
 * taken together. For that turn alone. */
void loop_rest(struct loop *l, int64_t until);
int64_t loop_now(const struct loop *l); /* monotonic ns when this turn's wait ended */

void loop_fd_init(struct loop_fd *w); /* fd = -1 */
int loop_fd_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events,
                void (*fn)(void *, uint32_t), void *arg); /* 0, or -1 with errno */
void loop_fd_mod(struct loop *l, struct loop_fd *w, uint32_t events);
void loop_fd_del(struct loop *l, struct loop_fd *w); /* no-op when not in; does not close */
/* Likewise, where somebody else may have closed the descriptor already. False: if it has a duplicate, *w may still be called,
 * and must stay. */
bool loop_fd_forget(struct loop *l, struct loop_fd *w);

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at, void (*fn)(void *),
                    void *arg);
void loop_timer_clear(struct loop *l, struct loop_timer *t); /* no-op when not armed */

void loop_child_add(struct loop *l, struct loop_child *c, pid_t pid,
                    void (*fn)(void *, int, const struct rusage *), void *arg);
void loop_child_del(struct loop *l, struct loop_child *c); /* the child is still reaped, silently */

/* One of SIGHUP, SIGTERM, SIGINT. One that came before its handler is set is delivered once it
 * is. */
void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg);
void loop_after(struct loop *l, struct loop_hook *h, void (*fn)(void *), void *arg);
void loop_after_del(struct loop *l, struct loop_hook *h); /* no-op when not in */
