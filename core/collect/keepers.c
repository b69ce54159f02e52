/* collect/keepers.c - the idle are a stack, so that those that are too many stay on its bottom. An
 * idle one that dies is noticed as it hangs up, or by the job that cannot be sent. A nursery that does
 * not come to its requests (it is stopped, or a thousand are wanted at once) is told the rest when it
 * has read some.
 */
#include "collect/keepers.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "collect/keeper.h"

static const int64_t LOOK_EVERY = 20 * NS_PER_S, NURSERY_AGAIN = NS_PER_S;

/* --- the nursery --- */

/* One who waits is the next nursery's, if this one has died. What the kernel refuses (it has no memory, too
 * many descriptors are on their way) costs that run, and no other. */
static void tell_nursery(struct keepers *k)
{
    size_t n = 0;
    bool full = false;

    for (; n < k->nasked && k->control >= 0; n++) {
        struct asked *a = &k->asked[n];

        if (nursery_ask(k->control, a->id, a->end) < 0) {
            full = errno == EAGAIN;
            if (full || errno == EPIPE || errno == ECONNRESET)
                break;
            keeper_refuse(a->end, errno);
        }
        fd_close(&a->end);
    }
    k->nasked -= n;
    if (n > 0 && k->nasked > 0)
        memmove(k->asked, k->asked + n, k->nasked * sizeof *k->asked);
    if (k->watch.fd >= 0)
        loop_fd_mod(k->loop, &k->watch, full ? LOOP_OUT : 0);
}

static void on_nursery_ready(void *arg, uint32_t events)
{
    struct keepers *k = arg;

    if (events & LOOP_HUP) /* it is about to be reaped */
        loop_fd_del(k->loop, &k->watch);
    else
        tell_nursery(k);
}

static void on_nursery_ended(void *arg, int status, const struct rusage *ru);

/* 0, or -1 with errno. */
static int start_nursery(struct keepers *k)
{
    pid_t pid = nursery_start(k->book, &k->control);

    if (pid < 0) {
        k->error = errno;
        k->control = -1;
        return -1;
    }
    k->first = k->nasked > 0 ? k->asked[0].id : k->last_id + 1;
    k->began = clock_mono();
    loop_child_add(k->loop, &k->nursery, pid, on_nursery_ended, k);
    if (loop_fd_add(k->loop, &k->watch, k->control, 0, on_nursery_ready, k) < 0) {
        fd_close(&k->control); /* it ends, and another one is tried */
        return -1;
    }
    tell_nursery(k);
    return 0;
}

/* Nobody comes to what was asked for. */
static void refuse_asked(struct keepers *k)
{
    for (size_t i = 0; i < k->nasked; i++) {
        keeper_refuse(k->asked[i].end, k->error);
        fd_close(&k->asked[i].end);
    }
    k->nasked = 0;
}

static void on_nursery_again(void *arg)
{
    struct keepers *k = arg;
    int before = k->error;

    k->error = 0;
    if (start_nursery(k) == 0 || k->nursery.pid != 0) {
        if (before != 0)
            log_info("the nursery has been started: collectors run again");
        return;
    }
    if (before == 0)
        log_error("cannot start the nursery: %s; no collector can run; trying again",
                  strerror(k->error));
    refuse_asked(k);
    loop_timer_set(k->loop, &k->again, clock_mono() + NURSERY_AGAIN, on_nursery_again, k);
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

/* --- keepers whose nursery has died --- */

struct adopted {
    struct keepers *all;
    uint32_t id;
    struct loop_child child;
    LIST_ENTRY(adopted) others;
};

static void on_adopted_ended(void *arg, int status, const struct rusage *ru)
{
    struct adopted *a = arg;
    struct keepers *k = a->all;

    (void)ru;
    LIST_REMOVE(a, others);
    free(a);
    if (status != 0)
        k->left(k->arg);
}

static bool is_child(pid_t pid)
{
    siginfo_t si;

    return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* One for which there is no memory is killed, as others are that were left. */
static void adopt_keepers(struct keepers *k)
{
    for (uint32_t i = 0; i < k->book->n && i < NURSERY_MOST; i++) {
        pid_t pid = k->book->pids[i];
        struct adopted *a;

        if (!is_child(pid) || loop_child_find(k->loop, pid) != NULL)
            continue;
        if ((a = malloc(sizeof *a)) == NULL)
            return;
        *a = (struct adopted){.all = k, .id = k->book->ids[i]};
        loop_child_add(k->loop, &a->child, pid, on_adopted_ended, a);
        LIST_INSERT_HEAD(&k->adopted, a, others);
    }
}

/* None of its keepers gets another job. */
static void on_nursery_ended(void *arg, int status, const struct rusage *ru)
{
    struct keepers *k = arg;
    int64_t now = clock_mono(), at = now - k->began < NURSERY_AGAIN ? now + NURSERY_AGAIN : now;

    (void)status, (void)ru;
    loop_fd_del(k->loop, &k->watch);
    fd_close(&k->control);
    drop_idle(k, INT64_MAX);
    adopt_keepers(k);
    log_warn("the nursery has died (somebody killed it): another one is started");
    loop_timer_set(k->loop, &k->again, at, on_nursery_again, k);
    k->left(k->arg);
}

int keepers_init(struct keepers *k, struct loop *l, void (*left)(void *arg), void *arg)
{
    *k = (struct keepers){
        .loop = l, .left = left, .arg = arg, .book = nursery_book_new(), .control = -1};
    SLIST_INIT(&k->idle);
    LIST_INIT(&k->adopted);
    loop_fd_init(&k->watch);
    return k->book != NULL ? start_nursery(k) : -1;
}

void keepers_free(struct keepers *k, int64_t until)
{
    pid_t nursery = k->nursery.pid;
    struct adopted *a;
    int status;

    drop_idle(k, INT64_MAX);
    loop_timer_clear(k->loop, &k->look);
    loop_timer_clear(k->loop, &k->again);
    loop_fd_del(k->loop, &k->watch);
    loop_child_del(k->loop, &k->nursery);
    for (size_t i = 0; i < k->nasked; i++)
        fd_close(&k->asked[i].end);
    free(k->asked);
    fd_close(&k->control);
    if (nursery > 0)
        (void)kill(nursery, SIGCONT);
    if (process_wait(nursery, until, &status))
        adopt_keepers(k); /* it may have been killed a moment ago */
    LIST_FOREACH (a, &k->adopted, others)
        (void)kill(a->child.pid, SIGCONT);
    LIST_FOREACH (a, &k->adopted, others)
        (void)process_wait(a->child.pid, until, &status);
    while ((a = LIST_FIRST(&k->adopted)) != NULL) {
        LIST_REMOVE(a, others);
        loop_child_del(k->loop, &a->child);
        free(a);
    }
    nursery_book_free(k->book);
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

static void on_link(void *arg, uint32_t events)
{
    struct keeper_link *link = arg;

    (void)events;
    if (link->said != NULL) {
        link->said(link->arg);
        return;
    }
    unlink_idle(link->all, link); /* it was killed */
    keepers_give_back(link, false);
}

static bool ask_for(struct keepers *k, uint32_t id, int end)
{
    if (k->nasked == k->cap) {
        size_t cap = k->cap > 0 ? 2 * k->cap : 16;
        struct asked *more = reallocarray(k->asked, cap, sizeof *more);

        if (more == NULL)
            return false;
        k->asked = more;
        k->cap = cap;
    }
    k->asked[k->nasked++] = (struct asked){id, end};
    return true;
}

static struct keeper_link *new_link(struct keepers *k, uid_t uid)
{
    struct keeper_link *link = malloc(sizeof *link);
    int pair[2];

    if (link == NULL)
        return NULL;
    if (keeper_pair(pair) < 0) {
        free(link);
        return NULL;
    }
    *link = (struct keeper_link){.control = pair[0], .id = ++k->last_id, .uid = uid, .all = k};
    loop_fd_init(&link->watch);
    if (loop_fd_add(k->loop, &link->watch, pair[0], LOOP_IN, on_link, link) == 0 &&
        ask_for(k, link->id, pair[1]))
        return link;
    loop_fd_del(k->loop, &link->watch);
    fd_close(&pair[0]);
    fd_close(&pair[1]);
    free(link);
    return NULL;
}

static struct keeper_link *take_idle(struct keepers *k, uid_t uid)
{
    struct keeper_link *link;

    SLIST_FOREACH (link, &k->idle, idle)
        if (link->uid == uid) {
            unlink_idle(k, link);
            break;
        }
    return link;
}

struct keeper_link *keepers_begin(struct keepers *k, struct keeper_job *job, void (*said)(void *),
                                  void *arg)
{
    uid_t uid = job->launch.conf->identity.uid;
    struct keeper_link *link;
    bool idle, sent;
    int error;

    if (k->control < 0 && k->error != 0) {
        errno = k->error;
        return NULL;
    }
    job->garnetd = getpid();
    do {
        link = take_idle(k, uid);
        idle = link != NULL;
        if (!idle && (link = new_link(k, uid)) == NULL)
            return NULL;
        link->said = said;
        link->arg = arg;
        sent = job_send(link->control, job) == 0;
        error = errno;
        if (!idle)
            tell_nursery(k); /* a refusal comes over the link, to said() */
        if (sent)
            return link;
        keepers_give_back(link, false);
        errno = error;
    } while (idle && (errno == EPIPE || errno == ECONNRESET)); /* it was killed a moment ago */
    return NULL;
}

static bool is_current(const struct keeper_link *link)
{
    return link->id >= link->all->first && link->all->control >= 0;
}

void keepers_give_back(struct keeper_link *link, bool fit)
{
    struct keepers *k = link->all;

    link->said = NULL;
    if (fit && is_current(link)) {
        SLIST_INSERT_HEAD(&k->idle, link, idle);
        k->nidle++;
        link->since = clock_mono();
        if (!k->look.armed)
            loop_timer_set(k->loop, &k->look, clock_mono() + LOOK_EVERY, on_idle_look, k);
        return;
    }
    loop_fd_del(k->loop, &link->watch);
    fd_close(&link->control);
    free(link);
}

void keepers_kill(const struct keeper_link *link)
{
    if (is_current(link))
        (void)nursery_kill(link->all->control, link->id);
    else
        keepers_wake(link);
}

void keepers_wake(const struct keeper_link *link)
{
    const struct nursery_book *b = link->all->book;
    const struct adopted *a;

    if (link->all->nursery.pid > 0)
        (void)kill(link->all->nursery.pid, SIGCONT);
    for (uint32_t i = 0; is_current(link) && i < b->n && i < NURSERY_MOST; i++)
        if (b->ids[i] == link->id && b->pids[i] > 0)
            (void)kill(b->pids[i], SIGCONT);
    LIST_FOREACH (a, &link->all->adopted, others)
        if (a->id == link->id)
            (void)kill(a->child.pid, SIGCONT);
}
