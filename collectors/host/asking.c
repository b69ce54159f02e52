/* asking.c - a socket and a process for each question that is not answered at once; what is asked and answered are packets */
#include "host/asking.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

/* Of each process one, before it is there: so none is ever forgotten, and there are no more than these. */
static struct asking_place {
    pid_t hung; /* KILL has not ended it, over all rounds; 0: it is asked in this one */
    char *key;  /* NULL: nobody's */
    uint64_t id;
} places[ASKING_MOST];

/* The one that has answered, and waits for the next question. */
static struct {
    pid_t pid; /* 0: there is none */
    int fd;
    void (*ask)(const void *about, void *answer);
} idle;
static uint64_t slow_round; /* the last one in which a question was not answered at once */

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

/* In the process. It ends with us, when it is not asked again, and by a Ctrl-C that is for us. */
static int answer_it(void *arg)
{
    const struct asking *a = arg;
    _Alignas(max_align_t) char next[ASKING_ABOUT], answer[ASKING_ANSWER];
    const void *about = a->of.about;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != a->parent)
        return 1;
    (void)signal(SIGPIPE, SIG_IGN);
    signals_release();
    do {
        memset(answer, 0, sizeof answer);
        a->of.ask(about, answer);
        if (send(a->fd, answer, a->of.size, 0) < 0)
            return 1;
        about = next;
    } while (recv(a->fd, next, sizeof next, 0) > 0);
    return 0;
}

/* False: there is none, or it cannot be asked: somebody has killed it. */
static bool ask_idle(struct asking *a)
{
    int status;

    if (!a->stays || idle.pid == 0 || idle.ask != a->of.ask)
        return false;
    a->pid = idle.pid;
    a->fd = idle.fd;
    idle.pid = 0;
    if (send(a->fd, a->of.about, a->of.bytes, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return true;
    fd_close(&a->fd);
    (void)kill(a->pid, SIGKILL); /* it waits for us, so this ends it at once if it has not ended */
    (void)process_wait(a->pid, clock_mono() + ASKING_KILLED, &status);
    a->pid = -1;
    return false;
}

/* False, with errno. */
static bool ask_another(struct asking *a)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return false;
    a->fd = fds[1];
    a->pid = spawn_helper("asking", &a->fd, 1, answer_it, a);
    a->fd = fds[0];
    fd_close(&fds[1]);
    return a->pid > 0;
}

/* Takes the answer if it comes before the deadline. The process is then free for another question, or ends. */
static void await(struct asking *a, int64_t until)
{
    struct pollfd p = {.fd = a->fd, .events = POLLIN};
    int64_t left;
    int n;

    do {
        left = until - clock_mono();
        n = poll(&p, 1, left > 0 ? (int)(left / NS_PER_MS) + 1 : 0);
    } while (n < 0 && errno == EINTR);
    a->answered = n > 0 && recv(a->fd, a->answer, sizeof a->answer, 0) == (ssize_t)a->of.size;
    if (!a->answered || !a->stays || idle.pid != 0)
        return;
    idle.pid = a->pid;
    idle.fd = a->fd;
    idle.ask = a->of.ask;
    a->pid = a->fd = -1;
    leave(a->place);
    a->place = NULL;
}

void asking_begin(struct host *h, struct asking *a, const struct question *q)
{
    *a = (struct asking){.of = *q, .pid = -1, .fd = -1, .parent = getpid()};
    a->stays = h->goes_on && q->bytes > 0 && q->bytes <= ASKING_ABOUT;
    reap_hung();
    if (is_hung(q)) {
        host_complain(h, "%s: still does not answer", q->shown);
        return;
    }
    if (q->size > ASKING_ANSWER || (a->place = take_place(q)) == NULL ||
        (!ask_idle(a) && !ask_another(a)))
        host_complain(h, "%s: no process to ask with: %m", q->shown);
    else if (a->stays && slow_round != h->round)
        await(a, clock_mono() + ASKING_SOON);
    if (a->stays && a->fd >= 0) /* the others of this round are not waited for one after another */
        slow_round = h->round;
}

bool asking_end(struct host *h, struct asking *a, int64_t until, void *answer)
{
    if (a->pid > 0 && !a->answered)
        await(a, until);
    if (a->answered) {
        memcpy(answer, a->answer, a->of.size);
    } else if (a->pid > 0) {
        host_complain(h, "%s: does not answer", a->of.shown);
        (void)kill(a->pid, SIGKILL);
    }
    fd_close(&a->fd);
    return a->answered;
}

void asking_reap(const struct asking *a, int64_t until)
{
    int status;

    if (a->pid > 0 && !process_wait(a->pid, until, &status))
        a->place->hung = a->pid;
    else if (a->place != NULL)
        leave(a->place);
}
