/* collect/nursery.c - waits in one place for its socket, the end of a child, and the next look for
 * what was left to it. A keeper that exits with 0 has left nothing, so it looks only after another end,
 * and until a look finds none but keepers. What hangs in the kernel is looked at about once a second.
 */
#include "collect/nursery.h"

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
#include "collect/keeper.h"
#include "collect/sweep.h"

enum { SPRINT = 64 };
static const int64_t LOOK_FIRST = 5 * NS_PER_MS, LOOK_LAST = 1280 * NS_PER_MS;

struct request {
    uint32_t id;
    bool kill; /* else a descriptor comes along */
};

struct nursery {
    int control; /* -1 once garnetd is gone */
    sigset_t waiting;
    struct nursery_book *book; /* of the keepers that run */
    bool left;                 /* something may have been left to us */
    int64_t pause;
};

/* --- its children --- */

static void note_left(struct nursery *n)
{
    n->left = true;
    n->pause = LOOK_FIRST;
}

/* False: it is none of the keepers. Whenever we may be killed, each of them that lives is in the book, but
 * for one that was forked a moment ago (add_keeper()): it has no job yet, or one that has hardly begun,
 * and garnetd kills it as it looks for what we leave. */
static bool strike_out(struct nursery_book *b, pid_t pid)
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

/* False when no child is left. */
static bool reap_ended(struct nursery *n)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!strike_out(n->book, pid) || status != 0)
            note_left(n);
    return pid == 0 || errno != ECHILD;
}

static void kill_left(struct nursery *n)
{
    const struct nursery_book *b = n->book;

    for (int i = 0; i < SPRINT && sweep_children(b->pids, b->n) > 0; i++)
        (void)reap_ended(n);
    n->left = sweep_tree(b->pids, b->n) > 0;
    if (n->pause < LOOK_LAST)
        n->pause *= 2;
}

/* --- what it is asked for --- */

static void add_keeper(struct nursery_book *b, uint32_t id, int end)
{
    pid_t pid = -1;

    errno = EAGAIN;
    if (b->n < NURSERY_MOST)
        pid = keeper_fork(end);
    if (pid < 0) {
        keeper_refuse(end, errno);
        return;
    }
    b->pids[b->n] = pid;
    b->ids[b->n] = id;
    atomic_signal_fence(memory_order_seq_cst);
    b->n++;
}

static void kill_keeper(const struct nursery_book *b, uint32_t id)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (b->ids[i] == id)
            (void)kill(b->pids[i], SIGKILL);
}

static void take_request(struct nursery *n)
{
    struct request r;
    bool cut;
    int end;
    ssize_t got = fd_receive(n->control, &r, sizeof r, &end, 1, MSG_DONTWAIT, &cut);

    if (got == 0 || (got < 0 && errno == ECONNRESET))
        fd_close(&n->control);
    else if (got == (ssize_t)sizeof r && r.kill)
        kill_keeper(n->book, r.id);
    else if (end >= 0)
        add_keeper(n->book, r.id, end);
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
    while (reap_ended(&n) || n.control >= 0) {
        if (n.left)
            kill_left(&n);
        if (process_await(n.control, n.left ? clock_mono() + n.pause : INT64_MAX, &n.waiting))
            take_request(&n);
    }
    return 0;
}

/* --- garnetd's side --- */

struct nursery_book *nursery_book_new(void)
{
    void *p = mmap(NULL, sizeof(struct nursery_book), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

void nursery_book_free(struct nursery_book *book)
{
    if (book != NULL)
        (void)munmap(book, sizeof *book);
}

pid_t nursery_start(struct nursery_book *book, int *control)
{
    struct nursery n = {.book = book};
    int pair[2];
    pid_t pid;

    if (keeper_pair(pair) < 0)
        return -1;
    book->n = 0;
    n.control = pair[1];
    pid = spawn_helper("garnetd-nursery", &pair[1], 1, keep_keepers, &n);
    fd_close(&pair[1]);
    if (pid < 0)
        fd_close(&pair[0]);
    *control = pair[0];
    return pid;
}

int nursery_ask(int control, uint32_t id, int end)
{
    const struct request r = {.id = id};

    return fd_send(control, &r, sizeof r, &end, 1, MSG_DONTWAIT) < 0 ? -1 : 0;
}

int nursery_kill(int control, uint32_t id)
{
    const struct request r = {.id = id, .kill = true};

    return send(control, &r, sizeof r, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}
