/* spool/sync.c - the sync helper's process, from garnetd's side
 *
 * They share a SOCK_SEQPACKET pair, whose end of file ends the helper. Killed or crashed, it is started
 * again soon: with `durable` senders wait for it. Fails at the start only (descriptors, fork). Later
 * on everything is retried, and until then nothing is reported as synced.
 */
#include "spool/sync.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "base/throttle.h"

struct sync {
    struct loop *loop;
    int dirfd;
    struct sync_events ev;
    int fd; /* our end; -1: no helper */
    struct loop_fd watch;
    struct loop_child child;
    struct loop_timer restart;
    struct throttle throttle;
    struct unsynced state;
    bool makes;               /* with the next order: spares, and */
    struct reserve_file room; /* this; id 0: none */
};

/* --- the helper --- */

struct helper {
    int fd;
    struct sync_helper does;
};

static int helper_main(void *arg)
{
    struct helper *h = arg;
    struct sync_order o;
    struct sync_report r;
    ssize_t n;

    signals_ignore_ends(); /* the last sync comes after */
    for (;;) {
        n = recv(h->fd, &o, sizeof o, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof o)
            return n != 0;
        sync_serve(&h->does, &o, &r);
        do
            n = send(h->fd, &r, sizeof r, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0)
            return errno != EPIPE;
        if (o.makes)
            sync_make_room(&h->does, &o);
    }
}

/* --- orders and answers --- */

/* With one order on its way there is always room; a dead helper's exit puts everything right. */
static void send_next(struct sync *s)
{
    const struct sync_order *next = s->fd < 0 ? NULL : unsynced_next(&s->state);
    struct sync_order o;

    if (next == NULL)
        return;
    o = *next;
    o.makes = s->makes;
    o.room = s->room;
    if (send(s->fd, &o, sizeof o, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return;
    unsynced_sent(&s->state);
    s->makes = false;
}

static void take_room(struct sync *s, const struct reserve_file *room)
{
    if (room->id == 0 || room->id != s->room.id)
        return;
    s->room.id = 0;
    s->ev.reserved(s->ev.arg, room);
}

static enum sync_verdict take_failure(struct sync *s, const struct sync_report *r)
{
    uint64_t sealed = r->failed != SYNC_REWRITE ? s->ev.seal(s->ev.arg) : 0;

    return unsynced_failed(&s->state, r->error, r->failed, sealed);
}

/* False at the end of file. The callback may call sync_request(). */
static bool take_reply(struct sync *s)
{
    uint64_t seq = s->state.sent.seq;
    struct sync_report r;
    enum sync_verdict v;
    ssize_t n = recv(s->fd, &r, sizeof r, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n != (ssize_t)sizeof r)
        return false;
    throttle_ok(&s->throttle);
    take_room(s, &r.room);
    v = r.error == 0 ? unsynced_done(&s->state) : take_failure(s, &r);
    send_next(s);
    s->ev.answered(s->ev.arg, v, seq, r.error);
    return true;
}

/* The helper has gone. An order that it did not answer has failed. */
static void helper_gone(struct sync *s)
{
    uint64_t seq = s->state.sent.seq;

    if (s->state.busy)
        (void)take_reply(s); /* its last word may still be in there */
    fd_close(&s->fd);
    if (s->state.busy)
        s->ev.answered(s->ev.arg, unsynced_died(&s->state, s->ev.seal(s->ev.arg)), seq, EOWNERDEAD);
}

static void on_socket(void *arg, uint32_t events)
{
    struct sync *s = arg;

    (void)events;
    if (!take_reply(s))
        loop_fd_del(s->loop, &s->watch); /* its exit will be reported */
}

/* --- its lives --- */

static void on_helper_restart(void *arg);

static void restart_later(struct sync *s)
{
    int64_t wait = throttle_next(&s->throttle, random_u64());

    loop_timer_set(s->loop, &s->restart, loop_now(s->loop) + wait, on_helper_restart, s);
}

static void on_helper_end(void *arg, int status, const struct rusage *ru)
{
    struct sync *s = arg;

    (void)ru;
    if (WIFSIGNALED(status))
        log_warn("spool: the sync helper was killed by signal %d and will be started again",
                 WTERMSIG(status));
    else
        log_warn("spool: the sync helper ended with status %d and will be started again",
                 WEXITSTATUS(status));
    loop_fd_del(s->loop, &s->watch);
    restart_later(s);
    helper_gone(s);
}

static int start_helper(struct sync *s)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    struct helper h = {.fd = pair[1], .does = {.dirfd = s->dirfd}};
    int keep[] = {pair[1], s->dirfd};
    s->fd = pair[0];
    if (loop_fd_add(s->loop, &s->watch, s->fd, LOOP_IN, on_socket, s) < 0 ||
        (pid = spawn_helper("garnetd-sync", keep, 2, helper_main, &h)) < 0) {
        fd_close(&pair[1]);
        loop_fd_del(s->loop, &s->watch);
        fd_close(&s->fd);
        return -1;
    }
    fd_close(&pair[1]);
    loop_child_add(s->loop, &s->child, pid, on_helper_end, s);
    send_next(s);
    return 0;
}

static void on_helper_restart(void *arg)
{
    struct sync *s = arg;

    if (start_helper(s) == 0)
        return;
    log_warn("spool: the sync helper cannot be started: %m");
    restart_later(s);
}

struct sync *sync_start(struct loop *l, int dirfd, uint64_t first, const struct sync_events *ev)
{
    struct sync *s = calloc(1, sizeof *s);

    if (s == NULL)
        return NULL;
    s->loop = l;
    s->dirfd = dirfd;
    s->ev = *ev;
    s->state.clean = first;
    s->fd = -1;
    s->throttle = (struct throttle){.base = 100 * NS_PER_MS, .cap = 2 * NS_PER_S};
    loop_fd_init(&s->watch);
    if (start_helper(s) < 0) {
        int e = errno;
        free(s);
        errno = e;
        return NULL;
    }
    return s;
}

void sync_request(struct sync *s, uint64_t segment, uint64_t seq)
{
    unsynced_ask(&s->state, segment, seq);
    send_next(s);
}

void sync_make(struct sync *s, const struct reserve_file *file)
{
    s->makes = true;
    s->room = *file;
}

uint64_t sync_asked(const struct sync *s)
{
    return s->state.sent.seq;
}

/* Its answers are not read any more. */
static pid_t let_go(struct sync *s)
{
    pid_t pid = s->child.pid;

    loop_timer_clear(s->loop, &s->restart);
    loop_fd_del(s->loop, &s->watch);
    loop_child_del(s->loop, &s->child);
    return pid;
}

void sync_forget(struct sync *s)
{
    pid_t pid = let_go(s);

    fd_close(&s->fd);
    s->state = (struct unsynced){0};
    s->makes = false;
    s->room.id = 0;
    if (pid > 0)
        kill(pid, SIGKILL); /* the loop reaps it */
}

void sync_renew(struct sync *s, uint64_t first)
{
    sync_forget(s);
    s->state.clean = first;
    on_helper_restart(s);
}

/* --- the end --- */

/* True: there is something to be read, or the end. */
static bool await(int fd, int64_t until)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        int64_t left = (until - clock_mono() + NS_PER_MS - 1) / NS_PER_MS;
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n >= 0)
            return n > 0;
        if (errno != EINTR)
            return false;
    }
}

/* Its socket is closed by its end, so the wait for the rest of that end is short. One that hangs is
 * killed; the loop, or init, reaps it. */
static void reap_helper(pid_t pid, bool ended, int64_t until)
{
    int status;

    if (!ended)
        kill(pid, SIGKILL);
    (void)process_wait(pid, ended ? until : 0, &status);
}

/* Until there is nothing to be asked any more; false when the time is up. A helper that dies
 * meanwhile, or is between two lives, gets a successor at once. */
static bool finish_orders(struct sync *s, int64_t until)
{
    while (s->state.busy || s->state.waiting) {
        if (s->fd < 0 && start_helper(s) < 0)
            return false;
        send_next(s);
        if (!await(s->fd, until))
            return false;
        if (take_reply(s))
            continue;
        reap_helper(let_go(s), true, until);
        helper_gone(s);
    }
    return true;
}

void sync_stop(struct sync *s, int ms)
{
    int64_t until = clock_mono() + ms * NS_PER_MS;
    struct sync_report r;
    bool done;
    pid_t pid;

    if (s == NULL)
        return;
    if (!(done = finish_orders(s, until)))
        log_warn("spool: the last sync was not finished: what was written last may not "
                 "survive a power loss");
    pid = let_go(s);
    if (s->fd >= 0 && pid > 0) {
        shutdown(s->fd, SHUT_WR);
        reap_helper(pid,
                    done && await(s->fd, until) && recv(s->fd, &r, sizeof r, MSG_DONTWAIT) == 0,
                    until);
    }
    fd_close(&s->fd);
    free(s);
}
