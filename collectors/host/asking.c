/* asking.c - a pipe and a process for each question; an answer is a write that the pipe takes whole */
#include "host/asking.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

/* Of each process one, before it is there: so none is ever forgotten, and there are no more than these. */
static struct asking_place {
    pid_t hung; /* KILL has not ended it, over all rounds; 0: it is asked in this one */
    char *key;  /* NULL: nobody's */
    uint64_t id;
} places[ASKING_MOST];

static void leave(struct asking_place *p)
{
    free(p->key);
    *p = (struct asking_place){0};
}

static void reap_hung(void)
{
    int status;

    for (size_t i = 0; i < ASKING_MOST; i++)
        if (places[i].hung != 0 && process_wait(places[i].hung, 0, &status))
            leave(&places[i]);
}

/* Whether one that was asked before still hangs there. */
static bool is_hung(const struct question *q)
{
    for (size_t i = 0; i < ASKING_MOST; i++)
        if (places[i].hung != 0 && places[i].id == q->id && strcmp(places[i].key, q->key) == 0)
            return true;
    return false;
}

/* NULL, with errno: there is none. */
static struct asking_place *take_place(const struct question *q)
{
    size_t i = 0;

    while (i < ASKING_MOST && places[i].key != NULL)
        i++;
    if (i == ASKING_MOST) {
        errno = EAGAIN;
        return NULL;
    }
    places[i].key = strdup(q->key);
    places[i].id = q->id;
    return places[i].key != NULL ? &places[i] : NULL;
}

/* In the process. It ends with us, and by a Ctrl-C that is for us. */
static int answer_it(void *arg)
{
    const struct asking *a = arg;
    _Alignas(max_align_t) char answer[ASKING_ANSWER] = {0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != a->parent)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    signals_release();
    a->of.ask(a->of.arg, answer);
    return fd_write_all(a->fd, answer, a->of.size) == 0 ? 0 : 1;
}

void asking_begin(struct host *h, struct asking *a, const struct question *q)
{
    int fds[2] = {-1, -1};

    *a = (struct asking){.of = *q, .pid = -1, .fd = -1, .parent = getpid()};
    reap_hung();
    if (is_hung(q)) {
        host_complain(h, "%s: still does not answer", q->shown);
        return;
    }
    if (q->size <= ASKING_ANSWER && (a->place = take_place(q)) != NULL && fd_pipe(fds, 0, 0) == 0) {
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
        a->place->hung = a->pid;
    else if (a->place != NULL)
        leave(a->place);
}
