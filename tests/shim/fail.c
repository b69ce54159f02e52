/* fail.c - preloaded into garnetd: the n-th call of a kind fails, as a test says
 *
 * GARNET_SHIM_FAIL names a file of one struct control. The test fills it in while garnetd runs (or
 * before it starts), and finds there whether the call has come, and from where. Only garnetd and
 * what it forks are touched, never a program that is executed (workers, checks, collectors). A
 * fault is injected, and its call counted, only where the kernel could really answer so: EAGAIN
 * needs a descriptor that does not block, ENOSPC a file, a short count something that comes in
 * pieces.
 *
 * Calls that libc makes for itself (opendir's open) do not come by here; memory of libc's own and
 * of other libraries does. Under AddressSanitizer, which has the memory to itself, "malloc" never
 * comes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "map.h"

enum { IN_GARNETD = 1, IN_FORKS = 2, STAYS = 4 /* all that come after it fail, too */ };
enum { SHORT = 0 }; /* in place of an errno: half of what was asked for */

struct control {   /* tests/scenario/shims.py has the same */
    char call[16]; /* the kind; "" = none fails; written last */
    int32_t where; /* IN_GARNETD, IN_FORKS or both; and STAYS */
    int32_t error; /* errno, or SHORT */
    int32_t left;  /* calls up to the one that fails, that one included */
    int32_t fired; /* it has been */
    uint64_t from; /* it was called from this address in garnetd */
};

static struct control *control;
static pid_t garnetd;
static uint64_t base; /* where the program is */

static int find_base(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    base = info->dlpi_addr;
    return 1; /* the first is the program itself */
}

__attribute__((constructor)) static void begin(void)
{
    if (strcmp(program_invocation_short_name, "garnetd") != 0)
        return;
    garnetd = getpid();
    (void)dl_iterate_phdr(find_base, NULL);
    control = shim_map("GARNET_SHIM_FAIL", sizeof *control);
}

/* --- which call --- */

static bool armed(const char *call)
{
    return control != NULL && strncmp(control->call, call, sizeof control->call) == 0 &&
           (control->where & (getpid() == garnetd ? IN_GARNETD : IN_FORKS)) != 0;
}

/* True for the call that was to fail, with errno set. */
static bool hit(const char *call, const void *from)
{
    int32_t left;

    if (!armed(call))
        return false;
    left = __atomic_fetch_sub(&control->left, 1, __ATOMIC_SEQ_CST);
    if (left > 1 || (left < 1 && (control->where & STAYS) == 0))
        return false;
    control->from = (uint64_t)(uintptr_t)from - base;
    errno = control->error;
    __atomic_store_n(&control->fired, 1, __ATOMIC_SEQ_CST);
    return true;
}

static bool is_stream(int fd, mode_t mode)
{
    int type = 0;
    socklen_t n = sizeof type;

    return S_ISSOCK(mode) && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
           type == SOCK_STREAM;
}

/* Whether the kernel could answer so. A pipe takes up to PIPE_BUF bytes whole or not at all. */
static bool possible(const char *call, int fd, size_t n, int flags)
{
    bool writes = strcmp(call, "write") == 0;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    switch (control->error) {
    case SHORT:
        return n > 1 && (S_ISREG(st.st_mode) || is_stream(fd, st.st_mode) ||
                         (S_ISFIFO(st.st_mode) && (!writes || n > PIPE_BUF)));
    case EAGAIN:
        return !S_ISREG(st.st_mode) &&
               ((flags & MSG_DONTWAIT) != 0 || (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
        return S_ISREG(st.st_mode);
    default:
        return true;
    }
}

/* True when a transfer is to fail; one that is to fall short has its *n halved instead. */
static bool hit_io(const char *call, const void *from, int fd, size_t *n, int flags)
{
    int keep = errno;
    bool struck = armed(call) && possible(call, fd, *n, flags) && hit(call, from);

    if (struck && control->error != SHORT)
        return true;
    if (struck)
        *n /= 2;
    errno = keep;
    return false;
}

/* --- the calls --- */

#define FROM __builtin_return_address(0)

/* The function that this one stands before. */
#define NEXT(name)                                                                                 \
    static __typeof__(name) *next_##name;                                                          \
    if (next_##name == NULL)                                                                       \
    next_##name = dlsym(RTLD_NEXT, #name)

/* A call that is passed on as it is, unless it is to fail. */
#define STAND_BEFORE(kind, failure, type, name, params, args)                                      \
    type name params                                                                               \
    {                                                                                              \
        NEXT(name);                                                                                \
        return hit(kind, FROM) ? (failure) : next_##name args;                                     \
    }

/* glibc's own names of these three: dlsym() may allocate. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    return hit("malloc", FROM) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    return hit("malloc", FROM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    return hit("malloc", FROM) ? NULL : __libc_realloc(p, n);
}

int open(const char *path, int flags, ...)
{
    NEXT(open);
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return hit("open", FROM) ? -1 : next_open(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    NEXT(openat);
    va_list ap;
    mode_t mode;

    va_start(ap, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    return hit("open", FROM) ? -1 : next_openat(dir, path, flags, mode);
}

ssize_t read(int fd, void *p, size_t n)
{
    NEXT(read);
    return hit_io("read", FROM, fd, &n, 0) ? -1 : next_read(fd, p, n);
}

/* What read() is called where the compiler could not see that p has room. */
ssize_t __read_chk(int fd, void *p, size_t n, size_t room);
ssize_t __read_chk(int fd, void *p, size_t n, size_t room)
{
    NEXT(__read_chk);
    return hit_io("read", FROM, fd, &n, 0) ? -1 : next___read_chk(fd, p, n, room);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
    NEXT(pread);
    return hit_io("read", FROM, fd, &n, 0) ? -1 : next_pread(fd, p, n, at);
}

ssize_t recv(int fd, void *p, size_t n, int flags)
{
    NEXT(recv);
    return hit_io("read", FROM, fd, &n, flags) ? -1 : next_recv(fd, p, n, flags);
}

ssize_t write(int fd, const void *p, size_t n)
{
    NEXT(write);
    return hit_io("write", FROM, fd, &n, 0) ? -1 : next_write(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    NEXT(pwrite);
    return hit_io("write", FROM, fd, &n, 0) ? -1 : next_pwrite(fd, p, n, at);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
    NEXT(send);
    return hit_io("write", FROM, fd, &n, flags) ? -1 : next_send(fd, p, n, flags);
}

/* A short one ends within its first piece. */
ssize_t writev(int fd, const struct iovec *v, int count)
{
    NEXT(writev);
    NEXT(write);
    size_t n = count > 0 ? v[0].iov_len : 0, all = n;

    if (hit_io("write", FROM, fd, &n, 0))
        return -1;
    return n < all ? next_write(fd, v[0].iov_base, n) : next_writev(fd, v, count);
}

ssize_t pwritev(int fd, const struct iovec *v, int count, off_t at)
{
    NEXT(pwritev);
    NEXT(pwrite);
    size_t n = count > 0 ? v[0].iov_len : 0, all = n;

    if (hit_io("write", FROM, fd, &n, 0))
        return -1;
    return n < all ? next_pwrite(fd, v[0].iov_base, n, at) : next_pwritev(fd, v, count, at);
}

/* Only adding needs memory, and only that is refused. */
int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
    NEXT(epoll_ctl);
    return op == EPOLL_CTL_ADD && hit("epoll_ctl", FROM) ? -1 : next_epoll_ctl(epfd, op, fd, event);
}

STAND_BEFORE("accept", -1, int, accept4,
             (int fd, struct sockaddr *restrict sa, socklen_t *restrict n, int flags),
             (fd, sa, n, flags))
STAND_BEFORE("socket", -1, int, socket, (int family, int type, int protocol),
             (family, type, protocol))
STAND_BEFORE("socket", -1, int, socketpair, (int family, int type, int protocol, int fds[2]),
             (family, type, protocol, fds))
STAND_BEFORE("pipe", -1, int, pipe2, (int fds[2], int flags), (fds, flags))
STAND_BEFORE("fork", -1, pid_t, fork, (void), ())

/* These two are how a run is started (base/starter.c). */
int pthread_create(pthread_t *restrict t, const pthread_attr_t *restrict attr, void *(*fn)(void *),
                   void *restrict arg)
{
    NEXT(pthread_create);
    return hit("fork", FROM) ? errno : next_pthread_create(t, attr, fn, arg);
}

int clone(int (*fn)(void *), void *stack, int how, void *arg, ...)
{
    NEXT(clone);
    pid_t *pid;
    va_list ap;

    va_start(ap, arg);
    pid = va_arg(ap, pid_t *);
    va_end(ap);
    return hit("fork", FROM) ? -1 : next_clone(fn, stack, how, arg, pid);
}

STAND_BEFORE("sync", -1, int, fdatasync, (int fd), (fd))
STAND_BEFORE("sync", -1, int, fsync, (int fd), (fd))
STAND_BEFORE("rename", -1, int, renameat, (int from, const char *old, int to, const char *new),
             (from, old, to, new))
STAND_BEFORE("unlink", -1, int, unlink, (const char *path), (path))
STAND_BEFORE("unlink", -1, int, unlinkat, (int dir, const char *path, int flags),
             (dir, path, flags))
STAND_BEFORE("mmap", MAP_FAILED, void *, mmap,
             (void *at, size_t n, int prot, int flags, int fd, off_t offset),
             (at, n, prot, flags, fd, offset))
STAND_BEFORE("memfd_create", -1, int, memfd_create, (const char *name, unsigned flags),
             (name, flags))
STAND_BEFORE("poll", -1, int, poll, (struct pollfd * fds, nfds_t n, int ms), (fds, n, ms))
STAND_BEFORE("poll", -1, int, ppoll,
             (struct pollfd * fds, nfds_t n, const struct timespec *ts, const sigset_t *mask),
             (fds, n, ts, mask))
STAND_BEFORE("poll", -1, int, epoll_pwait2,
             (int epfd, struct epoll_event *events, int n, const struct timespec *ts,
              const sigset_t *mask),
             (epfd, events, n, ts, mask))

/* One that does not wait is not interrupted. */
static bool hit_wait(const void *from, int flags)
{
    return (flags & WNOHANG) == 0 && hit("wait", from);
}

pid_t wait4(pid_t pid, int *status, int flags, struct rusage *ru)
{
    NEXT(wait4);
    return hit_wait(FROM, flags) ? -1 : next_wait4(pid, status, flags, ru);
}

pid_t waitpid(pid_t pid, int *status, int flags)
{
    NEXT(waitpid);
    return hit_wait(FROM, flags) ? -1 : next_waitpid(pid, status, flags);
}

int waitid(idtype_t type, id_t id, siginfo_t *info, int flags)
{
    NEXT(waitid);
    return hit_wait(FROM, flags) ? -1 : next_waitid(type, id, info, flags);
}
