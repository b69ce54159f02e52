/* keep/keepers.c - the idle are a stack, so that those that are too many stay on its bottom. An
 * idle one that dies is noticed as it hangs up, or by the job that cannot be sent. A nursery that does
 * not come to its requests (it is stopped, or a thousand are wanted at once) is told the rest when it
 * has read some. That the nursery or the guard has died is seen by its socket. All of that is one state, in
 * one file of a few lines more than 400.
 */
#include "keep/keepers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "keep/keeping.h"

static const int64_t LOOK_EVERY = 20 * NS_PER_S, NURSERY_AGAIN = NS_PER_S;
static const int64_t BEGINS_WITHIN = 5 * NS_PER_S;

/* --- the nursery --- */

static void close_link(struct keepers *k, struct nursery_link *n)
{
    loop_fd_del(k->loop, &n->watch);
    fd_close(&n->control);
}

/* 0, or -1 with errno: closed. */
static int open_link(struct keepers *k, struct nursery_link *n, int control,
                     void (*fn)(void *arg, uint32_t events))
{
    n->control = control;
    if (loop_fd_add(k->loop, &n->watch, control, LOOP_IN, fn, k) == 0)
        return 0;
    fd_close(&n->control);
    return -1;
}

/* One who waits is the next nursery's, if this one has died. What the kernel refuses (it has no memory, too
 * many descriptors are on their way) costs that run, and no other. */
static void tell_nursery(struct keepers *k)
{
    size_t n = 0;
    bool full = false;

    for (; n < k->nasked && k->nursery.control >= 0; n++) {
        struct keeper_asked *a = &k->asked[n];

        if (nursery_ask(k->nursery.control, a->kind, a->id, a->end) < 0) {
            full = errno == EAGAIN;
            if (full || errno == EPIPE || errno == ECONNRESET)
                break;
            keeping_refuse(a->end, errno);
        }
        fd_close(&a->end);
    }
    k->nasked -= n;
    if (n > 0 && k->nasked > 0)
        memmove(k->asked, k->asked + n, k->nasked * sizeof *k->asked);
    if (k->nursery.watch.fd >= 0)
        loop_fd_mod(k->loop, &k->nursery.watch, LOOP_IN | (full ? LOOP_OUT : 0));
}

static void unlink_idle(struct keepers *k, struct keeper_link *link)
{
    SLIST_REMOVE(&k->idle, link, keeper_link, idle);
    k->nidle--;
}

/* Those that are idle since `by` or before. */
static void drop_idle(struct keepers *k, int64_t by)
{
    struct keeper_link *next;

    for (struct keeper_link *link = SLIST_FIRST(&k->idle); link != NULL; link = next) {
        next = SLIST_NEXT(link, idle);
        if (link->since > by)
            continue;
        unlink_idle(k, link);
        keepers_give_back(link, false);
    }
}

static void on_nursery_again(void *arg);

/* None of its keepers gets another job. */
static void want_nursery(struct keepers *k)
{
    int64_t now = clock_mono(), at = now - k->began < NURSERY_AGAIN ? now + NURSERY_AGAIN : now;

    drop_idle(k, INT64_MAX);
    loop_timer_set(k->loop, &k->again, at, on_nursery_again, k);
}

/* Nobody comes to what was asked for. */
static void lack_nursery(struct keepers *k, int error)
{
    if (k->error == 0)
        log_error("cannot start the nursery: %s; no collector can run, and no worker be started; "
                  "trying again",
                  strerror(error));
    k->error = error;
    for (size_t i = 0; i < k->nasked; i++) {
        keeping_refuse(k->asked[i].end, error);
        fd_close(&k->asked[i].end);
    }
    k->nasked = 0;
    want_nursery(k);
}

static void on_nursery_ready(void *arg, uint32_t events)
{
    struct keepers *k = arg;
    int error;

    if (keeping_hear(k->nursery.control) == KEEPING_GOES_ON) {
        if (k->error != 0)
            log_info("the nursery has been started: collectors run again");
        k->error = 0;
    }
    if ((events & LOOP_HUP) == 0) {
        tell_nursery(k);
        return;
    }
    error = keeping_refused(k->nursery.control);
    close_link(k, &k->nursery);
    (void)nursery_ask(k->guard.control, NURSERY_LOST, 0, -1);
    if (error != 0) {
        lack_nursery(k, error);
        return;
    }
    log_warn("the nursery has died (somebody killed it): another one is started");
    want_nursery(k);
}

/* The children of a guard that has died. They see that nobody reads what they say, and so does who waits for it. */
static void end_strays(struct keepers *k)
{
    uint32_t next = k->nasked > 0 ? k->asked[0].id : k->last_id + 1;
    uint32_t ours = k->nursery.control >= 0 || k->guard.control >= 0 ? k->first : next;
    struct keeper_link *link;

    LIST_FOREACH (link, &k->all, entries)
        if (link->id < ours)
            (void)shutdown(link->control, SHUT_RDWR);
}

/* The nursery can be one as well. */
static void on_guard_ready(void *arg, uint32_t events)
{
    struct keepers *k = arg;
    int nursery = k->nursery.control;

    if ((events & LOOP_HUP) == 0)
        return;
    close_link(k, &k->guard);
    log_warn("the nursery's guard has died (somebody killed it)%s",
             nursery >= 0 ? ": the nursery takes its place, and another one is started" : "");
    if (nursery >= 0) {
        loop_fd_del(k->loop, &k->nursery.watch);
        k->nursery.control = -1;
        (void)open_link(k, &k->guard, nursery, on_guard_ready);
    }
    end_strays(k);
    want_nursery(k);
}

static void on_guard_ended(void *arg, int status, const struct rusage *ru)
{
    (void)arg, (void)status, (void)ru; /* its socket has said so */
}

/* 0, or -1 with errno. */
static int start_guard(struct keepers *k)
{
    int control;
    pid_t pid = nursery_start(k->work, &control);

    if (pid < 0)
        return -1;
    loop_child_del(k->loop, &k->child);
    loop_child_add(k->loop, &k->child, pid, on_guard_ended, k);
    return open_link(k, &k->guard, control, on_guard_ready);
}

/* 0, or -1 with errno. */
static int start_nursery(struct keepers *k)
{
    int pair[2], asked;

    k->began = clock_mono();
    if ((k->guard.control < 0 && start_guard(k) < 0) || keeping_pair(pair) < 0)
        return -1;
    asked = nursery_ask(k->guard.control, NURSERY_WISH, 0, pair[1]);
    fd_close(&pair[1]);
    if (asked < 0) {
        fd_close(&pair[0]);
        return -1;
    }
    if (open_link(k, &k->nursery, pair[0], on_nursery_ready) < 0)
        return -1;
    k->first = k->nasked > 0 ? k->asked[0].id : k->last_id + 1;
    tell_nursery(k);
    return 0;
}

/* A guard that has died, too, is heard of next, and is replaced at once. */
static void on_nursery_again(void *arg)
{
    struct keepers *k = arg;
    int64_t before = k->began;
    bool guarded = k->guard.control >= 0;

    if (start_nursery(k) == 0)
        return;
    if (guarded && (errno == EPIPE || errno == ECONNRESET))
        k->began = before;
    else
        lack_nursery(k, errno);
}

/* Somebody may have stopped the guard, and others. `id`: the keeper that is to go on; 0: all are. */
static void wake(const struct keepers *k, uint32_t id)
{
    if (k->child.pid > 0)
        (void)kill(k->child.pid, SIGCONT);
    (void)nursery_ask(k->guard.control, NURSERY_WAKE, 0, -1);
    (void)nursery_ask(k->nursery.control, NURSERY_WAKE, id, -1);
}

int keepers_init(struct keepers *k, struct loop *l, const struct nursery_work *work)
{
    *k = (struct keepers){.loop = l, .work = work, .guard.control = -1, .nursery.control = -1};
    LIST_INIT(&k->all);
    SLIST_INIT(&k->idle);
    loop_fd_init(&k->guard.watch);
    loop_fd_init(&k->nursery.watch);
    return start_nursery(k);
}

static void wait_hang_up(int control, int64_t until)
{
    struct pollfd p = {.fd = control};
    int64_t left;

    while (control >= 0 && (left = until - clock_mono()) > 0 && (p.revents & POLLHUP) == 0)
        (void)poll(&p, 1, (int)(left / NS_PER_MS + 1));
}

void keepers_free(struct keepers *k, int64_t until)
{
    pid_t guard = k->child.pid;
    int status;

    drop_idle(k, INT64_MAX);
    wake(k, 0);
    loop_timer_clear(k->loop, &k->look);
    loop_timer_clear(k->loop, &k->again);
    loop_child_del(k->loop, &k->child);
    for (size_t i = 0; i < k->nasked; i++)
        fd_close(&k->asked[i].end);
    free(k->asked);
    close_link(k, &k->nursery);
    loop_fd_del(k->loop, &k->guard.watch);
    if (k->guard.control >= 0)
        (void)shutdown(k->guard.control, SHUT_WR);
    wait_hang_up(k->guard.control, until);
    if (!process_wait(guard, until, &status) && until > 0)
        log_warn("something that was killed has not ended, and is left behind: it ends once the "
                 "kernel lets it");
    fd_close(&k->guard.control);
}

/* --- one keeper --- */

static void on_idle_look(void *arg)
{
    struct keepers *k = arg;
    int64_t now = clock_mono();

    drop_idle(k, now - LOOK_EVERY);
    if (k->nidle > 0)
        loop_timer_set(k->loop, &k->look, now + LOOK_EVERY, on_idle_look, k);
}

/* The keeper, the nursery or the guard is stopped. */
static void on_not_begun(void *arg)
{
    struct keeper_link *link = arg;
    struct pollfd said = {.fd = link->control, .events = POLLIN};

    if (poll(&said, 1, 0) > 0)
        return;
    log_warn(
        "%s has not begun for %gs: its keeper, or the nursery, does not come to it (somebody has "
        "stopped it?): it is told to go on",
        link->who, (double)BEGINS_WITHIN / (double)NS_PER_S);
    wake(link->all, link->id);
    loop_timer_set(link->all->loop, &link->begin, clock_mono() + BEGINS_WITHIN, on_not_begun, link);
}

static void on_link(void *arg, uint32_t events)
{
    struct keeper_link *link = arg;

    (void)events;
    loop_timer_clear(link->all->loop, &link->begin);
    if (link->said != NULL) {
        link->said(link->arg);
        return;
    }
    unlink_idle(link->all, link); /* it was killed */
    keepers_give_back(link, false);
}

static bool ask_for(struct keepers *k, enum nursery_wish kind, uint32_t id, int end)
{
    if (k->nasked == k->cap) {
        size_t cap = k->cap > 0 ? 2 * k->cap : 16;
        struct keeper_asked *more = reallocarray(k->asked, cap, sizeof *more);

        if (more == NULL)
            return false;
        k->asked = more;
        k->cap = cap;
    }
    k->asked[k->nasked++] = (struct keeper_asked){kind, id, end};
    return true;
}

static struct keeper_link *new_link(struct keepers *k, const struct keeper_use *use)
{
    struct keeper_link *link = malloc(sizeof *link);
    int pair[2];

    if (link == NULL)
        return NULL;
    if (keeping_pair(pair) < 0) {
        free(link);
        return NULL;
    }
    *link =
        (struct keeper_link){.control = pair[0], .id = ++k->last_id, .sort = use->sort, .all = k};
    loop_fd_init(&link->watch);
    if (loop_fd_add(k->loop, &link->watch, pair[0], LOOP_IN, on_link, link) == 0 &&
        ask_for(k, use->kind, link->id, pair[1])) {
        LIST_INSERT_HEAD(&k->all, link, entries);
        return link;
    }
    loop_fd_del(k->loop, &link->watch);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    free(link);
    return NULL;
}

static struct keeper_link *take_idle(struct keepers *k, const struct keeper_use *use)
{
    struct keeper_link *link;

    if (use->kind != NURSERY_RUNS)
        return NULL;
    SLIST_FOREACH (link, &k->idle, idle)
        if (link->sort == use->sort) {
            unlink_idle(k, link);
            break;
        }
    return link;
}

struct keeper_link *keepers_begin(struct keepers *k, const struct keeper_use *use)
{
    struct keeper_link *link;
    bool idle, sent;
    int error;

    if (k->error != 0) {
        errno = k->error;
        return NULL;
    }
    do {
        link = take_idle(k, use);
        idle = link != NULL;
        if (!idle && (link = new_link(k, use)) == NULL)
            return NULL;
        link->who = use->who;
        link->said = use->said;
        link->arg = use->arg;
        sent = use->send(link->control, use->job) == 0;
        error = errno;
        if (!idle)
            tell_nursery(k); /* a refusal comes over the link, to said() */
        if (sent) {
            loop_timer_set(k->loop, &link->begin, clock_mono() + BEGINS_WITHIN, on_not_begun, link);
            return link;
        }
        keepers_give_back(link, false);
        errno = error;
    } while (idle && (errno == EPIPE || errno == ECONNRESET)); /* it was killed a moment ago */
    return NULL;
}

void keepers_give_back(struct keeper_link *link, bool fit)
{
    struct keepers *k = link->all;

    link->said = NULL;
    loop_timer_clear(k->loop, &link->begin);
    if (fit && link->id >= k->first && k->nursery.control >= 0) {
        SLIST_INSERT_HEAD(&k->idle, link, idle);
        k->nidle++;
        link->since = clock_mono();
        if (!k->look.armed)
            loop_timer_set(k->loop, &k->look, clock_mono() + LOOK_EVERY, on_idle_look, k);
        return;
    }
    LIST_REMOVE(link, entries);
    loop_fd_del(k->loop, &link->watch);
    fd_close(&link->control);
    free(link);
}

void keepers_wake(const struct keeper_link *link)
{
    wake(link->all, link->id);
}

void keepers_kill(const struct keeper_link *link)
{
    const struct keepers *k = link->all;

    wake(k, link->id);
    (void)nursery_ask(k->guard.control, NURSERY_KILL, link->id, -1);
    (void)nursery_ask(k->nursery.control, NURSERY_KILL, link->id, -1);
}
