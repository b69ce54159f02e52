/* base/process.c - the parent only forks; all else happens in the child
 *
 * So the parent sees one failure, that of fork. The child may block (in a hung directory, say)
 * without holding anybody up, and prints on its descriptor 2 why it could not run. Needs
 * close_range(2): Linux 5.9.
 *
 * An end is waited for on a pidfd; without one the child is looked at every 2 ms.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"

enum { STDIO = 3, EXIT_CANNOT_RUN = 127, LOOK_MS = 2, MOST_MS = 3600000 };

/* --- signals --- */

void signals_hold(void)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

void signals_release(void)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In a helper: all are but those that functions below set. So its children need not set 60 each. */
static bool defaults_known;

void signals_default(void)
{
    static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    const struct sigaction act = {.sa_handler = SIG_DFL};

    for (size_t i = 0; defaults_known && i < sizeof ours / sizeof *ours; i++)
        (void)sigaction(ours[i], &act, NULL);
    if (defaults_known)
        return;
    for (int signo = 1; signo < NSIG; signo++)
        (void)sigaction(signo, &act,
                        NULL); /* refused for KILL, STOP and libc's own: as it should be */
}

void signals_ignore_ends(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

static void on_child(int signo)
{
    (void)signo; /* it is there to end ppoll() with EINTR */
}

void signals_await_children(sigset_t *waiting)
{
    const struct sigaction act = {.sa_handler = on_child};
    sigset_t child;

    (void)sigemptyset(waiting);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    (void)sigaction(SIGCHLD, &act, NULL);
    (void)sigprocmask(SIG_SETMASK, &child, NULL);
}

bool process_await(int fd, int64_t deadline, const sigset_t *waiting)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int64_t now = clock_mono(), left = deadline > now ? deadline - now : 0;
    struct timespec ts = clock_timespec(left);

    return ppoll(&p, 1, deadline == INT64_MAX ? NULL : &ts, waiting) > 0;
}

/* --- a program --- */

/* What spawn_raise_files() found, for programs; rlim_max 0: it was not called. */
static struct rlimit files_before;

void spawn_raise_files(void)
{
    struct rlimit raised;

    if (getrlimit(RLIMIT_NOFILE, &raised) < 0)
        return;
    files_before = raised;
    raised.rlim_cur = raised.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &raised);
}

/* Unless the caller has set a limit of its own for the program. */
static void lower_files(void)
{
    struct rlimit now;

    if (files_before.rlim_max != 0 && getrlimit(RLIMIT_NOFILE, &now) == 0 &&
        now.rlim_cur == files_before.rlim_max)
        (void)setrlimit(RLIMIT_NOFILE, &files_before);
}

/* A descriptor >= floor for what is to become descriptor i; close-on-exec. */
static int lift(int fd, int floor)
{
    int null = -1, lifted;

    if (fd >= floor)
        return fd;
    if (fd < 0)
        fd = null = open("/dev/null", O_RDWR | O_CLOEXEC);
    lifted = fd < 0 || fd >= floor ? fd : fcntl(fd, F_DUPFD_CLOEXEC, floor);
    if (null >= 0 && null != lifted)
        fd_close(&null);
    return lifted;
}

/* fds[] become 0, 1, ...; all others are closed. Whatever is in the way of a target is moved up
 * first. */
static int arrange_fds(const struct spawn *s)
{
    int from[SPAWN_MAX_FDS];
    int n = s->nfds > STDIO ? (int)s->nfds : STDIO; /* no program starts without 0, 1 and 2 */

    if (s->nfds > SPAWN_MAX_FDS) {
        errno = EINVAL;
        return -1;
    }
    for (int i = 0; i < n; i++) {
        from[i] = lift((size_t)i < s->nfds ? s->fds[i] : -1, n);
        if (from[i] < 0)
            return -1;
    }
    for (int i = 0; i < n; i++)
        if (dup2(from[i], i) < 0)
            return -1;
    return close_range((unsigned)n, ~0U, 0);
}

const char *spawn_exec(const struct spawn *s)
{
    union { /* execve's prototype predates const: it changes neither strings nor arrays */
        const char *const *in;
        char *const *out;
    } argv = {.in = s->argv}, env = {.in = s->env};

    signals_default();
    signals_release(); /* after that: what has waited must find the default */
    lower_files();
    if (arrange_fds(s) < 0)
        return "its descriptors";
    if (s->own_group && setpgid(0, 0) < 0)
        return "its process group";
    if (s->cwd != NULL && chdir(s->cwd) < 0)
        return s->cwd;
    (void)execve(s->argv[0], argv.out, s->env != NULL ? env.out : environ);
    return NULL;
}

pid_t spawn_program(const struct spawn *s)
{
    pid_t pid = fork();
    const char *at;

    if (pid == 0) {
        at = spawn_exec(s);
        (void)dprintf(2, "cannot run %s: %s%s%s\n", s->argv[0], at != NULL ? at : "",
                      at != NULL ? ": " : "", strerror(errno));
        _exit(EXIT_CANNOT_RUN);
    }
    if (pid > 0 && s->own_group) {
        int keep = errno;

        /* Here too, so that the group exists when we return; refused once the child has done it. */
        (void)setpgid(pid, pid);
        errno = keep;
    }
    return pid;
}

/* --- a helper --- */

/* The smallest of keep[] that is >= floor, or -1. */
static int next_kept(const int *keep, size_t n, int floor)
{
    int next = -1;

    for (size_t i = 0; i < n; i++)
        if (keep[i] >= floor && (next < 0 || keep[i] < next))
            next = keep[i];
    return next;
}

/* Every descriptor but 0, 1, 2 and keep[0..n-1]. */
static void close_all_but(const int *keep, size_t n)
{
    int floor = STDERR_FILENO + 1, kept;

    for (; (kept = next_kept(keep, n, floor)) >= 0; floor = kept + 1)
        if (kept > floor)
            (void)close_range((unsigned)floor, (unsigned)kept - 1, 0);
    (void)close_range((unsigned)floor, ~0U, 0);
}

pid_t spawn_helper(const char *name, const int *keep, size_t n, int (*fn)(void *arg), void *arg)
{
    sigset_t before;
    pid_t pid;
    int failed;

    (void)sigprocmask(SIG_BLOCK, NULL, &before);
    signals_hold();
    pid = fork();
    if (pid == 0) {
        signals_default();
        defaults_known = true;
        close_all_but(keep, n);
        log_to(STDERR_FILENO); /* the log's number may be another file's by now */
        (void)prctl(PR_SET_NAME, name);
        _exit(fn(arg));
    }
    failed = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return pid;
}

/* --- who ends, who is whose child --- */

void process_small_stacks(void)
{
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) != 0)
        return;
    if (pthread_attr_setstacksize(&attr, PROCESS_STACK) == 0)
        (void)pthread_setattr_default_np(&attr);
    (void)pthread_attr_destroy(&attr);
}

bool process_wait(pid_t pid, int64_t until, int *status)
{
    struct pollfd end = {.events = POLLIN};
    pid_t got;

    *status = 0;
    if (pid <= 0)
        return true;
    end.fd = pidfd_open(pid, 0);
    while ((got = waitpid(pid, status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
        int64_t left = until - clock_mono(), ms = left / NS_PER_MS + 1;

        if (left <= 0)
            break;
        ms = ms < MOST_MS ? ms : MOST_MS;
        (void)poll(&end, 1, end.fd >= 0 ? (int)ms : LOOK_MS);
    }
    fd_close(&end.fd);
    return got > 0 || (got < 0 && errno != EINTR);
}

/* The name in it may hold anything, so look for its last ")". */
pid_t process_parent(int proc, const char *pid)
{
    char path[32], text[512];
    const char *p;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%.16s/stat", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof text - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = 0;
    p = strrchr(text, ')');
    if (p == NULL || p[1] != ' ' || p[2] == 0)
        return 0;
    return (pid_t)strtol(p + 3, NULL, 10);
}
