/* base/loop.c - epoll, a signalfd and a heap of timers
 *
 * A turn costs one epoll wait and one clock read beside what the callbacks do, and handles at
 * most EVENTS ready descriptors; what is left over is still ready in the next turn. Removing a
 * watcher also blanks its event in the batch at hand, so a callback may free whatever it likes.
 *
 * Only adding a descriptor can be refused. What cannot fail unless a caller broke the rules (a bad
 * descriptor in epoll, say) ends in panic(). Descriptors, timers, signals and children have one order
 * within a turn, so they stand in one file, of a little over 400 lines.
 */
#include "base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/timers.h"

enum { EVENTS = 64, HANDLERS = 3 };

struct handler {
    int signo;
    bool pending; /* has come and was not delivered */
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    int epfd;
    struct loop_fd signals; /* the signalfd; owned */
    struct timers timers;
    LIST_HEAD(, loop_child) children;
    TAILQ_HEAD(, loop_hook) hooks;
    struct loop_hook *next_hook; /* while they run: the one after this */
    struct handler handlers[HANDLERS];
    int64_t now;
    int64_t rest_until; /* the next wait ends no sooner */
    bool stopped;
    struct epoll_event events[EVENTS]; /* of this turn; data.ptr: its loop_fd, NULL once removed */
    int nevents;
};

/* --- descriptors --- */

static uint32_t to_epoll(uint32_t events)
{
    return (events & LOOP_IN ? (uint32_t)EPOLLIN : 0) |
           (events & LOOP_OUT ? (uint32_t)EPOLLOUT : 0);
}

static uint32_t from_epoll(uint32_t events)
{
    return (events & EPOLLIN ? LOOP_IN : 0U) | (events & EPOLLOUT ? LOOP_OUT : 0U) |
           (events & (EPOLLHUP | EPOLLERR) ? LOOP_HUP : 0U);
}

void loop_fd_init(struct loop_fd *w)
{
    *w = (struct loop_fd){.fd = -1};
}

int loop_fd_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events,
                void (*fn)(void *, uint32_t), void *arg)
{
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};

    if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &e) < 0)
        return -1;
    *w = (struct loop_fd){.fd = fd, .events = events, .fn = fn, .arg = arg};
    return 0;
}

void loop_fd_mod(struct loop *l, struct loop_fd *w, uint32_t events)
{
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};

    if (events == w->events)
        return;
    if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, w->fd, &e) < 0)
        panic("epoll refuses to change descriptor %d: %m", w->fd);
    w->events = events;
}

static void drop_events(struct loop *l, struct loop_fd *w)
{
    for (int i = 0; i < l->nevents; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
    w->fd = -1;
}

void loop_fd_del(struct loop *l, struct loop_fd *w)
{
    int keep = errno;

    if (w->fd < 0)
        return;
    if (epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL) < 0)
        panic("epoll refuses to remove descriptor %d, closed before its watcher: %m", w->fd);
    drop_events(l, w);
    errno = keep;
}

bool loop_fd_forget(struct loop *l, struct loop_fd *w)
{
    int keep = errno;
    bool gone = w->fd < 0 || epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL) == 0;

    drop_events(l, w);
    errno = keep;
    return gone;
}

static void run_events(struct loop *l)
{
    for (int i = 0; i < l->nevents; i++) {
        struct loop_fd *w = l->events[i].data.ptr;
        uint32_t events = from_epoll(l->events[i].events);

        if (w == NULL)
            continue;
        events &= w->events | LOOP_HUP; /* an earlier callback may have changed what it wants */
        if (events != 0)
            w->fn(w->arg, events);
    }
    l->nevents = 0;
}

/* --- timers --- */

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t at, void (*fn)(void *), void *arg)
{
    loop_timer_clear(l, t);
    t->at = at;
    t->fn = fn;
    t->arg = arg;
    timers_add(&l->timers, t);
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
    if (t->armed)
        timers_remove(&l->timers, t);
}

static void run_timers(struct loop *l)
{
    struct loop_timer *t;

    timers_collect(&l->timers, l->now);
    while ((t = timers_take(&l->timers)) != NULL)
        t->fn(t->arg);
}

/* --- children --- */

void loop_child_add(struct loop *l, struct loop_child *c, pid_t pid,
                    void (*fn)(void *, int, const struct rusage *), void *arg)
{
    *c = (struct loop_child){.pid = pid, .fn = fn, .arg = arg};
    LIST_INSERT_HEAD(&l->children, c, others);
}

void loop_child_del(struct loop *l, struct loop_child *c)
{
    (void)l;
    if (c->pid == 0)
        return;
    LIST_REMOVE(c, others);
    c->pid = 0;
}

static struct loop_child *find_child(const struct loop *l, pid_t pid)
{
    struct loop_child *c;

    LIST_FOREACH (c, &l->children, others)
        if (c->pid == pid)
            break;
    return c;
}

static void reap_children(struct loop *l)
{
    struct loop_child *c;
    struct rusage ru;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &ru)) > 0 || (pid < 0 && errno == EINTR)) {
        c = pid > 0 ? find_child(l, pid) : NULL;
        if (c == NULL)
            continue;
        loop_child_del(l, c);
        c->fn(c->arg, status, &ru);
    }
}

/* --- signals --- */

void loop_signal(struct loop *l, int signo, void (*fn)(void *), void *arg)
{
    for (int i = 0; i < HANDLERS; i++)
        if (l->handlers[i].signo == signo) {
            l->handlers[i].fn = fn;
            l->handlers[i].arg = arg;
            return;
        }
    panic("the loop does not handle signal %d", signo);
}

/* Also the signals themselves are level-triggered: what fits no buffer here is read in the next
 * turn. */
static void read_signals(void *arg, uint32_t events)
{
    struct loop *l = arg;
    struct signalfd_siginfo info[16];
    ssize_t n;
    bool child = false;

    (void)events;
    do
        n = read(l->signals.fd, info, sizeof info);
    while (n < 0 && errno == EINTR);
    for (size_t i = 0; n > 0 && i < (size_t)n / sizeof *info; i++) {
        child |= info[i].ssi_signo == SIGCHLD;
        for (int j = 0; j < HANDLERS; j++)
            if (info[i].ssi_signo == (uint32_t)l->handlers[j].signo)
                l->handlers[j].pending = true;
    }
    if (child)
        reap_children(l);
}

static bool deliverable(const struct handler *h)
{
    return h->pending && h->fn != NULL;
}

static void deliver_signals(struct loop *l)
{
    for (int i = 0; i < HANDLERS; i++)
        if (deliverable(&l->handlers[i])) {
            l->handlers[i].pending = false;
            l->handlers[i].fn(l->handlers[i].arg);
        }
}

static int watch_signals(struct loop *l)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    /* SIGCHLD may be ignored by whoever started us, and then no child would be ours to wait for. A
     * file over a limit is an error of that write, not our end. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ||
        signal(SIGXFSZ, SIG_IGN) == SIG_ERR || sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return -1;
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -1;
    if (loop_fd_add(l, &l->signals, fd, LOOP_IN, read_signals, l) < 0) {
        fd_close(&fd);
        return -1;
    }
    return 0;
}

/* --- the loop --- */

void loop_after(struct loop *l, struct loop_hook *h, void (*fn)(void *), void *arg)
{
    *h = (struct loop_hook){.fn = fn, .arg = arg};
    TAILQ_INSERT_TAIL(&l->hooks, h, others);
}

void loop_after_del(struct loop *l, struct loop_hook *h)
{
    if (h->fn == NULL)
        return;
    if (l->next_hook == h)
        l->next_hook = TAILQ_NEXT(h, others);
    TAILQ_REMOVE(&l->hooks, h, others);
    h->fn = NULL;
}

static void run_hooks(struct loop *l)
{
    struct loop_hook *h;

    for (l->next_hook = TAILQ_FIRST(&l->hooks); (h = l->next_hook) != NULL;) {
        l->next_hook = TAILQ_NEXT(h, others);
        h->fn(h->arg);
    }
}

struct loop *loop_new(void)
{
    struct loop *l = calloc(1, sizeof *l);

    if (l == NULL)
        return NULL;
    *l = (struct loop){.epfd = epoll_create1(EPOLL_CLOEXEC),
                       .signals.fd = -1,
                       .handlers = {{.signo = SIGHUP}, {.signo = SIGTERM}, {.signo = SIGINT}},
                       .now = clock_mono()};
    timers_init(&l->timers);
    LIST_INIT(&l->children);
    TAILQ_INIT(&l->hooks);
    if (l->epfd < 0 || watch_signals(l) < 0) {
        loop_free(l);
        return NULL;
    }
    return l;
}

/* The signals stay blocked: one that comes during the shutdown must not cut it short. */
void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    fd_close(&l->signals.fd);
    fd_close(&l->epfd);
    free(l);
}

/* How long this turn may wait: ns, or < 0 for as long as it takes. */
static int64_t wait_limit(const struct loop *l, int64_t max_wait_ns)
{
    int64_t now, left;

    for (int i = 0; i < HANDLERS; i++)
        if (deliverable(&l->handlers[i]))
            return 0;
    if (l->timers.root == NULL)
        return max_wait_ns;
    now = clock_mono();
    left = l->timers.root->at > now ? l->timers.root->at - now : 0;
    return max_wait_ns >= 0 && max_wait_ns < left ? max_wait_ns : left;
}

static int wait_events(struct loop *l, int64_t ns)
{
    struct timespec ts = clock_timespec(ns);
    int n = epoll_pwait2(l->epfd, l->events, EVENTS, ns < 0 ? NULL : &ts, NULL);

    if (n < 0 && errno == ENOSYS) { /* Linux before 5.11 knows milliseconds only: never too early */
        int64_t ms = ns < INT64_C(3600) * NS_PER_S ? (ns + NS_PER_MS - 1) / NS_PER_MS : 3600000;

        n = epoll_wait(l->epfd, l->events, EVENTS, ns < 0 ? -1 : (int)ms);
    }
    if (n < 0 && errno != EINTR)
        panic("epoll cannot wait: %m");
    return n < 0 ? 0 : n;
}

void loop_rest(struct loop *l, int64_t until)
{
    l->rest_until = until;
}

static void take_rest(struct loop *l, int64_t most)
{
    int64_t left = l->rest_until - l->now > 0 ? l->rest_until - clock_mono() : 0;
    const struct timespec ts = {.tv_nsec = left < most ? left : most};

    l->rest_until = 0;
    if (left > 0 && most > 0)
        (void)nanosleep(&ts, NULL);
}

bool loop_turn(struct loop *l, int64_t max_wait_ns)
{
    if (l->stopped)
        return false;
    if (l->rest_until != 0)
        take_rest(l, wait_limit(l, NS_PER_S / 2));
    l->nevents = wait_events(l, wait_limit(l, max_wait_ns));
    l->now = clock_mono();
    run_timers(l);
    run_events(l);
    deliver_signals(l);
    run_hooks(l);
    return !l->stopped;
}

void loop_run(struct loop *l)
{
    while (loop_turn(l, -1))
        ;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

int64_t loop_now(const struct loop *l)
{
    return l->now;
}
