/* conf/askers.c - processes that take one question after the other from a list that they share, and write each
 * answer into a pipe of their own
 *
 * The clock here is ticks in which nothing came, not time: a machine that stood still has not made
 * a file system silent.
 */
#include "conf/askers.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "conf/facts.h"
#include "conf/hung.h"
#include "conf/way.h"

enum { TICK_MS = 50, STILL_MS = 250, PATIENCE_MS = 4000, LEAST_MS = 500, MOST_MS = 20000 };
enum { WORKERS = 16, ANSWER_MAX = 2 << 20 };
static const int64_t reap_bound = 200 * NS_PER_MS;

static const char NO_ANSWER[] = "is on a file system that did not answer within 4s";
static const char NO_NAME[] = "cannot be looked up: there was no answer within 4s";
static const char DIED[] = "cannot be judged: the process that looked at it died";

enum { FREE, LATER, TAKEN };
struct shared {                   /* with the workers */
    _Atomic uint32_t at[WORKERS]; /* 1 + the question that a worker is at; 0: none */
    _Atomic uint8_t state[];      /* of each question */
};
struct answer { /* on a pipe, and its bytes behind it */
    uint32_t question, n;
};
struct worker {
    pid_t pid; /* 0: there is none */
    int fd;
    struct buf got;
};
struct asked {
    const struct questions *of;
    uint32_t answered;
    struct hung hung;
    struct shared *shared;
    struct worker workers[WORKERS];
    unsigned running;
};

/* --- in a worker --- */

struct work {
    const struct asked *all;
    unsigned i;
    int out;
    pid_t parent;
    struct hung_place *place;
};

/* A path, or for users and groups the whole. */
static const char *whereabouts(const char *key)
{
    const char *path = strchr(key, '\n'); /* behind it: before it is a list of folders */

    path = path != NULL ? path + 1 : strchr(key, '/');
    return path != NULL ? path : key;
}

static void put_no_answer(struct buf *out, const char *key)
{
    fact_put_error(out, strchr(whereabouts(key), '/') != NULL ? NO_ANSWER : NO_NAME);
}

static bool send_fact(int out, uint32_t question, const struct buf *fact)
{
    struct answer head = {question, (uint32_t)fact->n};
    struct buf b = {0};
    bool sent;

    buf_put(&b, &head, sizeof head);
    buf_put(&b, fact->p, fact->n);
    sent = buf_ok(fact) && buf_ok(&b) && fd_write_all(out, b.p, b.n) == 0;
    buf_free(&b);
    return sent;
}

static bool is_put_off(enum hung_verdict near, bool later)
{
    return near == HUNG_MANY || (near == HUNG_SOME && !later);
}

/* Goes to where the question leads, and says so, as far as nobody hangs there. */
static enum hung_verdict go_to(const struct work *w, const char *what, bool later)
{
    const struct hung *h = &w->all->hung;
    struct hung_look look = {.what = what, .at_once = !later};
    enum hung_verdict near;
    struct way way;

    if (strchr(what, '/') == NULL) {
        hung_at(w->place, what);
        return hung_look(h, w->place, &look);
    }
    look.what = way.at;
    way_begin(&way, what);
    do {
        look.part = way.rest[0] != 0;
        near = hung_look(h, w->place, &look);
        if (near == HUNG_SAME || is_put_off(near, later))
            break;
        hung_at(w->place, way.at);
    } while (way_on(&way));
    return near;
}

static bool answer_one(const struct work *w, uint32_t i, bool hangs)
{
    const char *key = w->all->of->q[i].key;
    struct buf fact = {.max = ANSWER_MAX};
    bool sent;

    if (hangs)
        put_no_answer(&fact, key);
    else
        w->all->of->learn(key, &fact);
    hung_at(w->place, NULL);
    sent = send_fact(w->out, i, &fact);
    if (sent)
        atomic_store(&w->all->shared->at[w->i], 0);
    buf_free(&fact);
    return sent;
}

/* Whether the question is ours now. Who is killed has it: so that is said first. */
static bool take_question(const struct work *w, uint32_t i, uint8_t was)
{
    atomic_store(&w->all->shared->at[w->i], i + 1);
    if (atomic_compare_exchange_strong(&w->all->shared->state[i], &was, TAKEN))
        return true;
    atomic_store(&w->all->shared->at[w->i], 0);
    return false;
}

static void put_off(const struct work *w, uint32_t i)
{
    hung_at(w->place, NULL);
    atomic_store(&w->all->shared->state[i], LATER);
    atomic_store(&w->all->shared->at[w->i], 0);
}

/* Once through the list; `later`: what was put off as well. False: it cannot answer. */
static bool go_through(const struct work *w, bool later, bool *some, bool *left)
{
    for (uint32_t i = 0; i < w->all->of->n; i++) {
        uint8_t was = atomic_load(&w->all->shared->state[i]);
        enum hung_verdict near;

        *left |= was == LATER && !later;
        if (was == TAKEN || (was == LATER && !later) || !take_question(w, i, was))
            continue;
        near = go_to(w, whereabouts(w->all->of->q[i].key), later);
        if (is_put_off(near, later)) {
            put_off(w, i);
            *left = true;
        } else {
            *some = true;
            if (!answer_one(w, i, near == HUNG_SAME))
                return false;
        }
    }
    return true;
}

static int ask_on(void *arg)
{
    struct work *w = arg;
    bool left = true;

    signals_release(); /* it has no handlers */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != w->parent || (w->place = hung_enter(&w->all->hung)) == NULL)
        return 1;
    for (bool later = false; left; later = true) {
        bool some = false;

        left = later && !hung_has_room(&w->all->hung); /* what is left may hang: it waits */
        if (!left && !go_through(w, later, &some, &left))
            return 1;
        if (left && later && !some)
            (void)poll(NULL, 0, TICK_MS);
    }
    return 0;
}

/* --- the workers, from the side of who waits for them --- */

static bool start_asker(struct asked *all)
{
    struct work w = {.all = all, .parent = getpid()};
    int fds[2], keep[2];
    pid_t pid;

    while (w.i < WORKERS && all->workers[w.i].pid > 0)
        w.i++;
    if (w.i == WORKERS || fd_pipe(fds, 0, 0) < 0)
        return false;
    keep[0] = w.out = fds[1];
    keep[1] = all->hung.fd;
    atomic_store(&all->shared->at[w.i], 0);
    pid = spawn_helper("garnetd-ask", keep, 2, ask_on, &w);
    fd_close(&fds[1]);
    if (pid < 0) {
        fd_close(&fds[0]);
        return false;
    }
    all->workers[w.i] = (struct worker){.pid = pid, .fd = fds[0]};
    all->running++;
    return true;
}

static void take_answer(struct asked *all, uint32_t i, const char *p, size_t n)
{
    if (i >= all->of->n || all->of->q[i].answer != NULL)
        return;
    all->of->q[i].answer = arena_strndup(all->of->a, p, n);
    all->of->q[i].n = n;
    all->answered++;
}

static void take_answers(struct asked *all, struct buf *got)
{
    struct answer head;
    size_t used = 0;

    while (got->n - used >= sizeof head) {
        memcpy(&head, got->p + used, sizeof head);
        if (got->n - used - sizeof head < head.n)
            break;
        take_answer(all, head.question, got->p + used + sizeof head, head.n);
        used += sizeof head + head.n;
    }
    buf_drop(got, used);
}

/* It has ended, by itself or not; what it was at is not asked again. */
static void end_worker(struct asked *all, struct worker *w)
{
    uint32_t at = atomic_load(&all->shared->at[w - all->workers]);
    struct buf died = {0};
    int status;

    (void)process_wait(w->pid, clock_mono() + reap_bound, &status);
    fd_close(&w->fd);
    buf_free(&w->got);
    w->pid = 0;
    all->running--;
    fact_put_error(&died, DIED);
    if (at > 0)
        take_answer(all, at - 1, died.p, died.n);
    buf_free(&died);
}

static void read_worker(struct asked *all, struct worker *w)
{
    enum { PIECE = 1 << 16 };
    char *room = buf_room(&w->got, PIECE);
    ssize_t n = room != NULL ? read(w->fd, room, PIECE) : 0;

    if (n > 0) {
        w->got.n += (size_t)n;
        take_answers(all, &w->got);
    } else if (n == 0 || errno != EINTR) {
        end_worker(all, w);
    }
}

/* What comes within a tick: an answer, an end. False: nothing. */
static bool read_tick(struct asked *all)
{
    struct pollfd p[WORKERS];
    bool some;

    for (int i = 0; i < WORKERS; i++)
        p[i] = (struct pollfd){all->workers[i].pid > 0 ? all->workers[i].fd : -1, POLLIN, 0};
    some = poll(p, WORKERS, TICK_MS) > 0;
    for (int i = 0; i < WORKERS && some; i++)
        if (p[i].revents != 0)
            read_worker(all, &all->workers[i]);
    return some;
}

static bool any_not_begun(const struct asked *all)
{
    for (uint32_t i = 0; i < all->of->n; i++)
        if (atomic_load(&all->shared->state[i]) != TAKEN)
            return true;
    return false;
}

/* Until all is answered, or nothing moves, or it moves too slowly. False: there is no process. */
static bool wait_for_answers(struct asked *all)
{
    unsigned *waited = all->of->waited_ms, quiet = 0, slow = 0;
    unsigned most = *waited < PATIENCE_MS - LEAST_MS ? PATIENCE_MS - *waited : LEAST_MS;

    while (all->answered < all->of->n && quiet < most && slow < MOST_MS) {
        uint32_t before = all->answered;
        bool some;

        if (all->running == 0 && !start_asker(all))
            return false;
        some = read_tick(all);
        if (all->answered > before) {
            quiet = 0;
            (void)poll(NULL, 0, 1); /* so that more is there at the next look */
            continue;
        }
        if (some) /* it had no place, or a part of an answer is there */
            (void)poll(NULL, 0, TICK_MS);
        quiet += TICK_MS;
        slow += TICK_MS;
        if (slow % STILL_MS == 0 && any_not_begun(all))
            for (unsigned more = all->running; more > 0 && start_asker(all); more--)
                ;
    }
    *waited += quiet; /* in vain */
    return true;
}

/* They have nothing more to say. One that hangs in the kernel is left to whoever inherits it. */
static void kill_workers(struct asked *all)
{
    int64_t until = clock_mono() + reap_bound;
    int status;

    for (struct worker *w = all->workers; w < all->workers + WORKERS; w++)
        if (w->pid > 0) {
            hung_give_up(&all->hung, w->pid);
            (void)kill(w->pid, SIGKILL);
        }
    for (struct worker *w = all->workers; w < all->workers + WORKERS; w++)
        if (w->pid > 0) {
            (void)process_wait(w->pid, until, &status);
            fd_close(&w->fd);
            buf_free(&w->got);
        }
}

static void answer_rest(struct asked *all)
{
    struct buf none = {0};

    for (uint32_t i = 0; i < all->of->n; i++)
        if (all->of->q[i].answer == NULL) {
            buf_reset(&none);
            put_no_answer(&none, all->of->q[i].key);
            take_answer(all, i, none.p, none.n);
        }
    buf_free(&none);
}

static void begin(struct asked *all)
{
    for (uint32_t i = 0; i < all->of->n; i++) {
        all->shared->state[i] = all->of->q[i].answer != NULL ? TAKEN : FREE;
        all->answered += all->of->q[i].answer != NULL;
    }
}

static bool ask_all(struct asked *all)
{
    size_t size = sizeof *all->shared + all->of->n;
    bool ok = hung_open(&all->hung, all->of->table);

    all->shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ok = ok && all->shared != MAP_FAILED;
    if (ok) {
        begin(all);
        ok = wait_for_answers(all);
        kill_workers(all);
        answer_rest(all);
    }
    if (all->shared != MAP_FAILED)
        (void)munmap(all->shared, size);
    hung_close(&all->hung);
    return ok && arena_ok(all->of->a);
}

bool askers_ask(const struct questions *of)
{
    struct asked all = {.of = of};

    return ask_all(&all);
}
