/* sink/orders.c - how long a worker goes on
 *
 * A stop by SIGTERM must also reach a plugin that blocks: so it is a real handler, without
 * SA_RESTART, that starts a timer of 2 s and wakes the loop; the timer ends us, and where garnetd is no
 * more, what the plugin has started with us. Nothing is lost by that: the cursor on disk is never
 * ahead of what has arrived. Its signal is the last real-time one, since libraries use alarm(2) for their
 * own ends.
 */
#include "sink/orders.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"

enum { STOP_GRACE_S = 2 };

/* For the signal handlers, and only there to be seen by the loop. */
static volatile sig_atomic_t terminated;
static int wake_fd = -1;
static pid_t parent;
static timer_t grace;

static void on_term(int signo)
{
    const uint64_t one = 1;
    int keep = errno;

    (void)signo;
    terminated = 1;
    (void)timer_settime(grace, 0, &(struct itimerspec){.it_value.tv_sec = STOP_GRACE_S}, NULL);
    if (write(wake_fd, &one, sizeof one) < 0)
        terminated = 1; /* nothing better to do: the loop wakes up by itself within a second */
    errno = keep;
}

/* Ends by SIGALRM, or if the plugin holds that, by KILL. */
static void on_grace_over(int signo)
{
    (void)signo;
    if (getppid() != parent && getpgrp() == getpid())
        (void)kill(0, SIGKILL);
    (void)signal(SIGALRM, SIG_DFL);
    (void)raise(SIGALRM);
    (void)raise(SIGKILL);
}

static int catch_term(void)
{
    struct sigaction action = {.sa_handler = on_term}, end = {.sa_handler = on_grace_over};
    struct sigevent grace_over = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMAX};
    sigset_t set;

    parent = getppid();
    (void)sigemptyset(&end.sa_mask);
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGRTMAX);
    if (timer_create(CLOCK_MONOTONIC, &grace_over, &grace) < 0 ||
        sigaction(SIGRTMAX, &end, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0)
        return -1;
    return sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void on_wake(void *arg, uint32_t events)
{
    struct orders *o = arg;
    uint64_t count;

    (void)events;
    if (read(o->wake_watch.fd, &count, sizeof count) < 0)
        count = 0; /* read already */
}

static void on_control_said(void *arg, uint32_t events)
{
    struct orders *o = arg;
    char said[256];
    ssize_t n = recv(o->control, said, sizeof said, MSG_DONTWAIT);

    (void)events;
    for (ssize_t i = 0; i < n; i++)
        o->finish |= said[i] == WORKER_FINISH;
    o->news |= n > 0;
    if (n < 0 && (errno == EBADF || errno == ENOTSOCK)) {
        log_error("its control socket is closed: by the plugin, which closes descriptors that are "
                  "not its own");
        orders_stop(o, EXIT_WORLD);
    } else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        o->gone = true;
        loop_fd_del(o->loop, &o->control_watch);
    }
}

bool orders_open(struct orders *o, struct loop *l, int control)
{
    *o = (struct orders){.loop = l, .control = control, .status = ORDERS_NONE};
    loop_fd_init(&o->control_watch);
    loop_fd_init(&o->wake_watch);
    return l != NULL && (wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0 &&
           catch_term() == 0 && loop_fd_add(l, &o->wake_watch, wake_fd, LOOP_IN, on_wake, o) == 0 &&
           loop_fd_add(l, &o->control_watch, control, LOOP_IN, on_control_said, o) == 0;
}

bool orders_stopping(const struct orders *o)
{
    return terminated || o->gone || o->status != ORDERS_NONE;
}

void orders_stop(struct orders *o, int status)
{
    if (o->status == ORDERS_NONE)
        o->status = status;
}

void orders_give_up(struct orders *o, const char *why)
{
    log_error("the plugin gives up: %s", why);
    orders_stop(o, EXIT_PLUGIN);
}

/* Lost when garnetd does not read: it then has other worries. */
void orders_say(struct orders *o, enum worker_word w)
{
    const char c = (char)w;

    if (send(o->control, &c, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE)
        o->gone = true;
}

bool orders_news(struct orders *o)
{
    bool news = o->news;

    o->news = false;
    return news;
}

bool orders_pause(struct orders *o, int64_t ns)
{
    int64_t end = clock_mono() + ns, now;

    while (!orders_stopping(o) && !o->finish && (now = clock_mono()) < end)
        (void)loop_turn(o->loop, end - now);
    return !orders_stopping(o) && !o->finish;
}

void orders_report_stop(const struct orders *o)
{
    if (terminated && !o->gone && !o->finish)
        log_info("got SIGTERM: ends");
}

void orders_close(struct orders *o)
{
    loop_fd_del(o->loop, &o->control_watch);
    loop_fd_del(o->loop, &o->wake_watch);
}
