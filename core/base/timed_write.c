/* base/timed_write.c - SIGALRM interrupts it; fails as write() does */
#include "base/timed_write.h"

#include <errno.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static void on_time_over(int signo)
{
    (void)signo; /* it is there to end write() with EINTR */
}

void timed_write_init(void)
{
    struct sigaction over = {.sa_handler = on_time_over}; /* no SA_RESTART */

    (void)sigaction(SIGALRM, &over, NULL);
}

/* Again and again: one that comes before write() has begun would be lost. */
static void set_time(suseconds_t us)
{
    struct itimerval every = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

    (void)setitimer(ITIMER_REAL, &every, NULL);
}

ssize_t timed_write(int fd, const void *p, size_t n, suseconds_t us)
{
    ssize_t r;
    int failed;

    set_time(us);
    r = write(fd, p, n);
    failed = errno;
    set_time(0);
    errno = failed;
    return r;
}
