/* control/control.c - what a client is at is one of three things: it is read from, it waits for a reload, or it is
 * written to (control/wire.h); and it is watched for just that. Short memory costs a client its connection; no
 * descriptors, a second until the next is accepted.
 */
#include "control/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/fdpass.h"
#include "control/wire.h"

enum {
    EVENTS = 64,   /* of clients, until there is a rest; or as many as take `busy` */
    PART = 20,     /* times as long as they took: the rest */
    SHARE = 100,   /* the state is put together again after so many times as long as that took */
    CUT_AFTER = 10 /* seconds, then a reply is to have been read whole: till then it is kept */
};
static const int64_t busy = NS_PER_MS / 4, again = NS_PER_S;
static const int64_t rest_least = 5 * NS_PER_MS, rest_most = 100 * NS_PER_MS;

struct client {
    struct control *all;
    struct ucred who;
    struct wire wire;
    bool waits;    /* for a reload */
    int64_t moved; /* mono: since then it has asked nothing, or has its reply in front of it */
    TAILQ_ENTRY(client) others;
};

struct control {
    struct loop *loop;
    struct control_events ev;
    int poll, listener; /* the epoll, and what it watches beside the clients; -1: none */
    bool deaf;          /* the listener is not watched, for want of descriptors or memory */
    struct loop_fd watch;
    struct loop_timer rested, look;
    TAILQ_HEAD(, client) clients; /* who has moved last is last */
    unsigned nclients;
    struct control_reply *status; /* as last put together; or NULL */
    int64_t fresh;                /* mono: until then it will do */
    struct control_counts counts;
};

/* The state, as it was put together last, or anew. */
static struct control_reply *state_now(struct control *c)
{
    int64_t began = clock_mono();
    struct buf b = {0};

    if (c->status != NULL && began < c->fresh)
        return c->status;
    control_reply_unref(c->status);
    c->ev.status(c->ev.arg, &b);
    c->status = control_reply_new("status", &b);
    buf_free(&b);
    c->fresh = clock_mono() + (clock_mono() - began) * SHARE;
    return c->status;
}

/* --- one client --- */

static void watch_client(const struct client *k)
{
    struct epoll_event e = {.events = k->waits                ? 0
                                      : k->wire.reply != NULL ? EPOLLOUT
                                                              : EPOLLIN,
                            .data.ptr = (void *)(uintptr_t)k};

    (void)epoll_ctl(k->all->poll, EPOLL_CTL_MOD, k->wire.fd, &e);
}

static void drop_client(struct client *k)
{
    struct control *c = k->all;

    TAILQ_REMOVE(&c->clients, k, others);
    c->nclients--;
    fdpass_close(&k->wire.fd); /* which takes it out of the epoll */
    wire_end(&k->wire);
    free(k);
}

static void has_moved(struct client *k)
{
    struct control *c = k->all;

    k->moved = loop_now(c->loop);
    TAILQ_REMOVE(&c->clients, k, others);
    TAILQ_INSERT_TAIL(&c->clients, k, others);
}

/* `t`: a reference is taken. False: there is none, and the client is gone. */
static bool reply_with(struct client *k, struct control_reply *t)
{
    if (t == NULL) {
        k->all->counts.refused++;
        drop_client(k);
        return false;
    }
    wire_reply(&k->wire, t);
    return true;
}

/* One that nobody else gets. Likewise. */
static bool reply_alone(struct client *k, struct control_reply *t)
{
    bool there = reply_with(k, t);

    control_reply_unref(t);
    return there;
}

static bool reply_error(struct client *k, const char *why)
{
    k->all->counts.refused++;
    return reply_alone(k, control_reply_error(why));
}

static bool may_command(const struct client *k)
{
    return k->who.uid == 0 || k->who.uid == geteuid();
}

static bool ask_reload(struct client *k)
{
    struct control *c = k->all;
    struct why why;

    if (!may_command(k))
        return reply_error(k, "a reload is for root and for garnetd's own user: use sudo");
    if (!c->ev.reload(c->ev.arg, &why))
        return reply_error(k, why.text);
    k->waits = true;
    return true;
}

static bool ask_explain(struct client *k, const char *metric)
{
    const struct control_events *ev = &k->all->ev;
    struct control_reply *t;
    struct buf b = {0};

    ev->explain(ev->arg, metric, &b);
    t = control_reply_new("explain", &b);
    buf_free(&b);
    return reply_alone(k, t);
}

/* False: the client is gone. */
static bool answer_line(struct client *k, struct str line)
{
    struct control_request r = {0};
    struct why why;

    k->all->counts.requests++;
    if (!control_request_read(&r, line, &why))
        return reply_error(k, why.text);
    if (r.ask == CONTROL_RELOAD)
        return ask_reload(k);
    if (r.ask == CONTROL_EXPLAIN)
        return ask_explain(k, r.metric);
    return reply_with(k, state_now(k->all));
}

/* The next line of what it has asked, if it is free for one. False: the client is gone. */
static bool take_line(struct client *k)
{
    char line[CONTROL_LINE];
    size_t n;

    if (k->wire.reply != NULL || k->waits)
        return true;
    switch (wire_take(&k->wire, line, &n)) {
    case WIRE_LINE:
        return answer_line(k, (struct str){line, n});
    case WIRE_TOO_LONG:
        return reply_error(k, "a request is a line of at most 4096 bytes");
    default:
        return true;
    }
}

static void serve_client(struct client *k)
{
    if (k->waits) { /* only a hang-up is reported now */
        drop_client(k);
        return;
    }
    if (k->wire.reply != NULL ? !wire_write(&k->wire) : !wire_read(&k->wire)) {
        drop_client(k);
        return;
    }
    if (k->wire.reply == NULL)
        has_moved(k);
    if (!take_line(k))
        return;
    watch_client(k);
}

/* --- all of them --- */

static void watch_listener(struct control *c, bool on)
{
    struct epoll_event e = {.events = on ? EPOLLIN : 0, .data.ptr = NULL};

    c->deaf = !on;
    if (c->listener >= 0)
        (void)epoll_ctl(c->poll, EPOLL_CTL_MOD, c->listener, &e);
}

/* Once a second while there are clients, or the listener is not watched. */
static void on_control_look(void *arg)
{
    struct control *c = arg;
    int64_t now = loop_now(c->loop);
    struct client *next;

    if (c->deaf)
        watch_listener(c, true);
    for (struct client *k = TAILQ_FIRST(&c->clients); k != NULL; k = next) {
        next = TAILQ_NEXT(k, others);
        if (now - k->moved < CUT_AFTER * NS_PER_S)
            break;
        if (k->wire.reply != NULL)
            drop_client(k);
    }
    if (c->nclients > 0)
        loop_timer_set(c->loop, &c->look, clock_second(now + again), on_control_look, c);
}

static void look_soon(struct control *c)
{
    if (!c->look.armed)
        loop_timer_set(c->loop, &c->look, clock_mono() + again, on_control_look, c);
}

/* Of those that have asked nothing: whoever is silent for longest. False: there is none. */
static bool one_gives_way(struct control *c)
{
    struct client *k;

    TAILQ_FOREACH (k, &c->clients, others)
        if (k->wire.reply == NULL && !k->waits)
            break;
    if (k == NULL)
        return false;
    drop_client(k);
    return true;
}

static void turn_away(struct control *c, int fd)
{
    static const char why[] = "{\"garnet\":1,\"error\":\"too many clients: try again\"}\n";

    c->counts.refused++;
    (void)send(fd, why, sizeof why - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    fdpass_close(&fd);
}

static void accept_client(struct control *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *k = fd < 0 ? NULL : calloc(1, sizeof *k);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = k};
    socklen_t n = sizeof k->who;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
        watch_listener(c, false);
        look_soon(c);
    }
    if (fd < 0)
        return;
    if (k == NULL || (c->nclients >= CONTROL_CLIENTS && !one_gives_way(c)) ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &k->who, &n) < 0 ||
        epoll_ctl(c->poll, EPOLL_CTL_ADD, fd, &e) < 0) {
        turn_away(c, fd);
        free(k);
        return;
    }
    k->all = c;
    k->wire.fd = fd;
    k->moved = loop_now(c->loop);
    TAILQ_INSERT_TAIL(&c->clients, k, others);
    c->nclients++;
    look_soon(c);
}

static void on_rested(void *arg)
{
    struct control *c = arg;

    loop_fd_mod(c->loop, &c->watch, LOOP_IN);
}

/* Of this thread, ns: what others have taken of the machine meanwhile is no reason to rest. */
static int64_t cpu_spent(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* One at a time: an event may be of a client that the one before has pushed out. */
static void on_clients(void *arg, uint32_t events)
{
    struct control *c = arg;
    int64_t began = cpu_spent(), spent = 0, rest;
    struct epoll_event e;

    (void)events;
    for (int i = 0; i < EVENTS && epoll_wait(c->poll, &e, 1, 0) == 1; i++) {
        if (e.data.ptr == NULL)
            accept_client(c);
        else
            serve_client(e.data.ptr);
        spent = cpu_spent() - began;
        if (spent >= busy)
            break;
    }
    rest = spent * PART < rest_least  ? rest_least
           : spent * PART > rest_most ? rest_most
                                      : spent * PART;
    loop_fd_mod(c->loop, &c->watch, 0);
    loop_timer_set(c->loop, &c->rested, clock_mono() + rest, on_rested, c);
}

void control_reloaded(struct control *c, const struct buf *receipt)
{
    struct control_reply *t = receipt != NULL ? control_reply_new("reload", receipt) : NULL;
    struct client *next;

    c->fresh = 0; /* who asks now is to see it */
    for (struct client *k = TAILQ_FIRST(&c->clients); k != NULL; k = next) {
        next = TAILQ_NEXT(k, others);
        if (!k->waits)
            continue;
        k->waits = false;
        has_moved(k);
        if (reply_with(k, t))
            watch_client(k);
    }
    control_reply_unref(t);
}

/* --- beginning and end --- */

struct control *control_new(struct loop *l, const struct control_events *ev)
{
    struct control *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->loop = l;
    c->ev = *ev;
    c->listener = -1;
    TAILQ_INIT(&c->clients);
    loop_fd_init(&c->watch);
    c->poll = epoll_create1(EPOLL_CLOEXEC);
    if (c->poll >= 0 && loop_fd_add(l, &c->watch, c->poll, LOOP_IN, on_clients, c) == 0)
        return c;
    fd_close(&c->poll);
    free(c);
    return NULL;
}

bool control_listen(struct control *c, const struct socket_config *socket, struct why *why)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

    fd_close(&c->listener);
    c->listener = socket_listen(socket, why);
    if (c->listener < 0)
        return false;
    if (epoll_ctl(c->poll, EPOLL_CTL_ADD, c->listener, &e) == 0)
        return true;
    why_set(why, "cannot watch %s: %s", socket->path, strerror(errno));
    fd_close(&c->listener);
    return false;
}

bool control_listens(const struct control *c)
{
    return c->listener >= 0;
}

const struct control_counts *control_counts(const struct control *c)
{
    return &c->counts;
}

void control_free(struct control *c)
{
    struct client *k;

    if (c == NULL)
        return;
    while ((k = TAILQ_FIRST(&c->clients)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not follow the list's aliases */
        drop_client(k);
    control_reply_unref(c->status);
    loop_timer_clear(c->loop, &c->rested);
    loop_timer_clear(c->loop, &c->look);
    loop_fd_del(c->loop, &c->watch);
    fd_close(&c->listener);
    fd_close(&c->poll);
    free(c);
}
