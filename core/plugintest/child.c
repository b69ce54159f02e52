/* plugintest/child.c - how a child is limited, watched and ended
 *
 * A step that takes longer than it may is ended by SIGKILL. Memory is limited as it is in a worker; not
 * with the sanitizers, which need it for themselves. The child dies with us.
 */
#include "plugintest/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"

enum { CPU_S = 120 };
static const rlim_t MEMORY = (rlim_t)1 << 30; /* as a worker has: a sanitizer maps terabytes */

struct child *child_new(void)
{
    struct child *c =
        mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (c == MAP_FAILED)
        return NULL;
    c->out_fd = -1;
    return c;
}

void child_free(struct child *c)
{
    (void)munmap(c, sizeof *c);
}

void child_doing(struct child *c, int patience, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(c->doing, sizeof c->doing, fmt, ap);
    va_end(ap);
    c->metric[0] = 0;
    c->patience = patience;
    c->step++;
}

void child_sayv(struct child *c, const char *fmt, va_list ap)
{
    size_t room = sizeof c->text - c->said;
    int n = vsnprintf(c->text + c->said, room, fmt, ap);

    if (n > 0)
        c->said += (size_t)n < room ? (size_t)n : room - 1;
}

void child_say(struct child *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    child_sayv(c, fmt, ap);
    va_end(ap);
}

static void limit_to(int what, rlim_t most)
{
    struct rlimit now;

    if (getrlimit((__rlimit_resource_t)what, &now) == 0 && now.rlim_max > most)
        now.rlim_max = most;
    now.rlim_cur = now.rlim_max < most ? now.rlim_max : most;
    (void)setrlimit((__rlimit_resource_t)what, &now);
}

_Noreturn static void be_child(struct child *c, int (*fn)(void *arg), void *arg, pid_t parent)
{
    int result;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || (c->out_fd >= 0 && dup2(c->out_fd, STDOUT_FILENO) < 0))
        _exit(1);
    process_small_stacks();
    limit_to(RLIMIT_CORE, 0);
    limit_to(RLIMIT_CPU, CPU_S);
#ifdef GARNET_SANITIZED
    (void)MEMORY;
#else
    limit_to(RLIMIT_DATA, MEMORY);
#endif
    (void)signal(SIGPIPE, SIG_IGN); /* as in a worker */
    result = fn(arg);
    (void)fflush(stdout);
    c->done = true;
    _exit(result);
}

/* Until it has ended, or a step has taken too long: true. */
static bool hangs_in_step(const struct child *c, pid_t pid, int *status)
{
    int64_t since = clock_mono();
    unsigned step = c->step;

    while (!process_wait(pid, clock_mono() + 100 * NS_PER_MS, status)) {
        if (c->step != step) {
            step = c->step;
            since = clock_mono();
        } else if (clock_mono() - since > c->patience * NS_PER_S) {
            return true;
        }
    }
    return false;
}

static int result_of(const struct child *c, int status, bool hung, struct why *why)
{
    if (hung)
        (void)why_set(why, "has hung for %d s in %s", c->patience, c->doing);
    else if (WIFSIGNALED(status))
        (void)why_set(why, "crashed by SIG%s (%s) in %s", sigabbrev_np(WTERMSIG(status)),
                      strsignal(WTERMSIG(status)), c->doing);
    else if (!c->done)
        (void)why_set(why, "ended its process, with exit status %d, in %s", WEXITSTATUS(status),
                      c->doing);
    else
        return WEXITSTATUS(status);
    return -1;
}

int child_run(struct child *c, int (*fn)(void *arg), void *arg, struct why *why)
{
    pid_t parent = getpid(), pid;
    int status;
    bool hung;

    c->done = false;
    c->said = 0;
    child_doing(c, CHILD_BLOCKS, "its start");
    (void)fflush(stdout);
    pid = fork();
    if (pid == 0)
        be_child(c, fn, arg, parent);
    if (pid < 0) {
        (void)why_set(why, "cannot be run in a process of its own: %s", strerror(errno));
        return -1;
    }
    hung = hangs_in_step(c, pid, &status);
    if (hung) {
        (void)kill(pid, SIGKILL);
        (void)process_wait(pid, INT64_MAX, &status);
    }
    return result_of(c, status, hung, why);
}
