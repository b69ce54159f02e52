/* keep/nursery.c - waits in one place for its socket, the end of a child, and the next look for what was
 * left to it. A keeper that exits with 0 has left nothing, so it looks only after another end, and until a
 * look finds none but its own. What hangs in the kernel is looked at about once a second.
 *
 * A nursery's book, the list of its keepers, is in memory that it shares with its guard: what is to live, when it
 * is killed.
 */
#include "keep/nursery.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "keep/keeping.h"
#include "keep/sweep.h"
#include "keep/warder.h"

enum { BOOK_MOST = 16384, SPRINT = 64 };
static const int64_t LOOK_FIRST = 5 * NS_PER_MS, LOOK_LAST = 1280 * NS_PER_MS;

struct request {
    uint32_t id, wish;
};

struct book { /* of children that are to live */
    uint32_t n;
    pid_t pids[BOOK_MOST];
    uint32_t ids[BOOK_MOST];
};

struct nursery {
    const struct nursery_work *work;
    int control; /* -1 once garnetd is gone */
    sigset_t waiting;
    struct book *book;
    bool left; /* something may have been left to us */
    int64_t pause;
    /* of a guard: */
    pid_t below;         /* its nursery; 0: none lives */
    struct book *theirs; /* that one's book */
};

/* --- the book --- */

/* An empty one; NULL with errno. */
static struct book *new_book(void)
{
    void *p =
        mmap(NULL, sizeof(struct book), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

static void free_book(struct book *b)
{
    if (b != NULL)
        (void)munmap(b, sizeof *b);
}

/* Whenever we may be killed, each child that is to live is in the book, but for one that was forked a
 * moment ago: it has no job yet, or one that has hardly begun, and the guard kills it as it looks for what
 * we leave. */
static void enter(struct book *b, uint32_t id, pid_t pid)
{
    b->pids[b->n] = pid;
    b->ids[b->n] = id;
    atomic_signal_fence(memory_order_seq_cst);
    b->n++;
}

/* False: it is none of those. */
static bool strike_out(struct book *b, pid_t pid)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->pids[i] == pid) {
            b->pids[i] = b->pids[b->n - 1];
            b->ids[i] = b->ids[b->n - 1];
            atomic_signal_fence(memory_order_seq_cst);
            b->n--;
            return true;
        }
    return false;
}

/* --- its children --- */

static void note_left(struct nursery *n)
{
    n->left = true;
    n->pause = LOOK_FIRST;
}

static bool is_child(pid_t pid)
{
    siginfo_t si;

    return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Those of the book that are ours; another's may be just writing it. */
static void signal_children(const struct book *b, uint32_t id, int signo)
{
    for (uint32_t i = 0; i < b->n && i < BOOK_MOST; i++)
        if ((b->ids[i] == id || (id == 0 && signo == SIGCONT)) && is_child(b->pids[i]))
            (void)kill(b->pids[i], signo);
}

/* Also those of a nursery that is dying: they are ours a moment before it can be waited for. */
static void signal_kept(const struct nursery *n, uint32_t id, int signo)
{
    signal_children(n->book, id, signo);
    if (n->theirs != NULL)
        signal_children(n->theirs, id, signo);
}

/* Its keepers are ours. */
static void bury_nursery(struct nursery *n)
{
    const struct book *b = n->theirs;

    for (uint32_t i = 0; i < b->n && i < BOOK_MOST && n->book->n < BOOK_MOST; i++)
        if (is_child(b->pids[i]))
            enter(n->book, b->ids[i], b->pids[i]);
    free_book(n->theirs);
    n->theirs = NULL;
    n->below = 0;
}

/* False when no child is left. */
static bool reap_ended(struct nursery *n)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!strike_out(n->book, pid) || status != 0 || pid == n->below)
            note_left(n);
        if (pid == n->below)
            bury_nursery(n);
    }
    return pid == 0 || errno != ECHILD;
}

static pid_t spared[2 * BOOK_MOST];

/* How many are to live: also those of our nursery, which can die at any moment, and whose children are ours then. It
 * writes meanwhile, and may move its last entry to the front: so they are read from the end. */
static size_t note_spared(const struct nursery *n)
{
    size_t mine = n->book->n, theirs = n->theirs != NULL ? n->theirs->n : 0;

    memcpy(spared, n->book->pids, mine * sizeof *spared);
    if (theirs > BOOK_MOST)
        theirs = BOOK_MOST;
    atomic_signal_fence(memory_order_seq_cst);
    for (size_t i = theirs; i > 0; i--)
        spared[mine + i - 1] = *(const volatile pid_t *)&n->theirs->pids[i - 1];
    return mine + theirs;
}

static void kill_left(struct nursery *n)
{
    for (int i = 0; i < SPRINT && sweep_children(spared, note_spared(n)) > 0; i++)
        (void)reap_ended(n);
    n->left = sweep_tree(spared, note_spared(n)) > 0;
    if (n->pause < LOOK_LAST)
        n->pause *= 2;
}

/* --- what it is asked for --- */

static int keep_keepers(void *arg);

/* All that the child needs is in `next` and its book. -1 with errno. */
static pid_t fork_nursery(struct nursery *n, int end)
{
    struct nursery next = {.work = n->work, .control = end};
    pid_t pid = -1;

    next.book = n->theirs = new_book();
    if (n->theirs != NULL)
        pid = spawn_helper("garnetd-nursery", &end, 1, keep_keepers, &next);
    if (pid > 0) {
        n->below = pid;
        return pid;
    }
    free_book(n->theirs);
    n->theirs = NULL;
    return -1;
}

static pid_t fork_child(struct nursery *n, uint32_t wish, int end)
{
    if (n->book->n == BOOK_MOST) {
        errno = EAGAIN;
        return -1;
    }
    if (wish == NURSERY_WISH)
        return fork_nursery(n, end);
    if (wish == NURSERY_RUNS)
        return spawn_helper("garnetd-keep", &end, 1, n->work->runs, &end);
    return warder_fork(end, n->work->helper);
}

static void add_child(struct nursery *n, uint32_t wish, uint32_t id, int end)
{
    pid_t pid = fork_child(n, wish, end);

    if (pid < 0) {
        keeping_refuse(end, errno);
        return;
    }
    enter(n->book, id, pid);
    if (wish == NURSERY_WISH)
        keeping_tell(end, KEEPING_GOES_ON);
}

/* Whoever is killed is gone in a moment, and is waited for: what garnetd asks for next may be for its keepers. */
static void take_over(struct nursery *n)
{
    if (n->below == 0)
        return;
    (void)kill(n->below, SIGKILL);
    while (waitpid(n->below, NULL, 0) < 0 && errno == EINTR)
        ;
    (void)strike_out(n->book, n->below);
    note_left(n);
    bury_nursery(n);
}

static void begin_next(struct nursery *n, int end)
{
    (void)prctl(PR_SET_NAME, "garnetd-guard");
    take_over(n);
    add_child(n, NURSERY_WISH, 0, end);
}

/* garnetd is gone: nobody else is there to tell who is stopped to go on, and so to end. */
static void be_orphan(struct nursery *n)
{
    fd_close(&n->control);
    signal_kept(n, 0, SIGCONT);
}

static void grant(struct nursery *n, const struct request *r, int end)
{
    switch (r->wish) {
    case NURSERY_KILL:
        signal_kept(n, r->id, SIGKILL);
        break;
    case NURSERY_WAKE:
        signal_kept(n, r->id, SIGCONT);
        break;
    case NURSERY_LOST:
        take_over(n);
        break;
    case NURSERY_WISH:
        if (end >= 0)
            begin_next(n, end);
        break;
    default:
        if (end >= 0)
            add_child(n, r->wish, r->id, end);
        break;
    }
}

static void take_request(struct nursery *n)
{
    struct request r;
    bool cut;
    int end;
    ssize_t got = fd_receive(n->control, &r, sizeof r, &end, 1, MSG_DONTWAIT, &cut);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        be_orphan(n);
    if (got == (ssize_t)sizeof r)
        grant(n, &r, end);
    fd_close(&end);
}

static int keep_keepers(void *arg)
{
    struct nursery n = *(const struct nursery *)arg;

    (void)setsid();
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
    signals_ignore_ends();
    signals_await_children(&n.waiting);
    fd_null_stdio();
    (void)madvise(n.book, sizeof *n.book, MADV_DONTFORK); /* no keeper's */
    while (reap_ended(&n) || n.control >= 0) {
        if (n.left)
            kill_left(&n);
        if (process_await(n.control, n.left ? clock_mono() + n.pause : INT64_MAX, &n.waiting))
            take_request(&n);
    }
    return 0;
}

static int guard(void *arg)
{
    struct nursery *n = arg;

    n->book = new_book();
    return n->book != NULL ? keep_keepers(n) : 1;
}

/* --- garnetd's side --- */

pid_t nursery_start(const struct nursery_work *work, int *control)
{
    struct nursery n = {.work = work};
    int pair[2];
    pid_t pid;

    if (keeping_pair(pair) < 0)
        return -1;
    n.control = pair[1];
    pid = spawn_helper("garnetd-guard", &pair[1], 1, guard, &n);
    fd_close(&pair[1]);
    if (pid < 0)
        fd_close(&pair[0]);
    *control = pair[0];
    return pid;
}

int nursery_ask(int control, enum nursery_wish wish, uint32_t id, int end)
{
    const struct request r = {id, wish};

    return fd_send(control, &r, sizeof r, &end, end >= 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}
