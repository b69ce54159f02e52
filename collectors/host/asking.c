/* asking.c - a pipe and a process for each question; an answer is a write that the pipe takes whole */
#include "host/asking.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

/* Processes that KILL has not ended, over all rounds. */
static struct {
    pid_t pid; /* 0: none */
    char *key;
    uint64_t id;
} hung[ASKING_MOST];

static void reap_hung(void)
{
    int status;

    for (size_t i = 0; i < ASKING_MOST; i++)
        if (hung[i].pid != 0 && process_wait(hung[i].pid, 0, &status)) {
            hung[i].pid = 0;
            free(hung[i].key);
        }
}

/* Whether one that was asked before still hangs there. */
static bool is_hung(const struct question *q)
{
    for (size_t i = 0; i < ASKING_MOST; i++)
        if (hung[i].pid != 0 && hung[i].id == q->id && strcmp(hung[i].key, q->key) == 0)
            return true;
    return false;
}

static void remember_hung(const struct asking *a)
{
    size_t i = 0;

    while (i < ASKING_MOST && hung[i].pid != 0)
        i++;
    if (i < ASKING_MOST && (hung[i].key = strdup(a->of.key)) != NULL) {
        hung[i].pid = a->pid;
        hung[i].id = a->of.id;
    }
}

/* In the process. */
static int answer_it(void *arg)
{
    const struct asking *a = arg;
    _Alignas(max_align_t) char answer[ASKING_ANSWER] = {0};

    a->of.ask(a->of.arg, answer);
    return fd_write_all(a->fd, answer, a->of.size) == 0 ? 0 : 1;
}

void asking_begin(struct host *h, struct asking *a, const struct question *q)
{
    int fds[2] = {-1, -1};

    *a = (struct asking){.of = *q, .pid = -1, .fd = -1};
    reap_hung();
    if (is_hung(q)) {
        host_complain(h, "%s: still does not answer", q->shown);
        return;
    }
    if (q->size <= ASKING_ANSWER && fd_pipe(fds, 0, 0) == 0) {
        a->fd = fds[1];
        a->pid = spawn_helper("asking", &a->fd, 1, answer_it, a);
    }
    if (a->pid < 0)
        host_complain(h, "%s: no process to ask with: %m", q->shown);
    a->fd = fds[0];
    fd_close(&fds[1]);
}

/* Whether it has come before the deadline. */
static bool has_answered(const struct asking *a, int64_t until, void *answer)
{
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    int64_t left;
    int n;

    do {
        left = until - clock_mono();
        n = poll(&p, 1, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);
    } while (n < 0 && errno == EINTR);
    return n > 0 && read(a->fd, answer, a->of.size) == (ssize_t)a->of.size;
}

bool asking_end(struct host *h, struct asking *a, int64_t until, void *answer)
{
    bool good = a->pid > 0 && has_answered(a, until, answer);

    if (a->pid > 0 && !good) {
        host_complain(h, "%s: does not answer", a->of.shown);
        (void)kill(a->pid, SIGKILL);
    }
    fd_close(&a->fd);
    return good;
}

void asking_reap(const struct asking *a, int64_t until)
{
    int status;

    if (a->pid > 0 && !process_wait(a->pid, until, &status))
        remember_hung(a);
}
