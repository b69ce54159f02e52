/* base/process.c - waits on a pidfd; looks through /proc
 *
 * Without a pidfd the child is looked at every 2 ms. CONFIG_PROC_CHILDREN is not everywhere, so the
 * parents of all processes are read; one that ends meanwhile is passed over.
 */
#include "base/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { LOOK_MS = 2, MOST_MS = 3600000 };

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

int process_children(pid_t parent, void (*fn)(void *arg, pid_t child), void *arg)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    int n = 0;

    if (proc == NULL)
        return -1;
    while ((e = readdir(proc)) != NULL)
        if (isdigit((unsigned char)e->d_name[0]) &&
            process_parent(dirfd(proc), e->d_name) == parent) {
            fn(arg, (pid_t)strtol(e->d_name, NULL, 10));
            n++;
        }
    (void)closedir(proc);
    return n;
}
