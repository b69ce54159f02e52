/* keep/sweep.c - our own children cannot vanish while we look: nobody else reaps them, so their
 * pids are nobody else's. A descendant's pid may have gone to somebody else by the time that we
 * know its parent: it gets its signal through a pidfd, and only after its parent was asked for once
 * more. What cannot be read or signalled is left for the next look.
 */
#include "keep/sweep.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

enum { TREE = 1024 }; /* more are found by the next look */

struct tree {
    pid_t pids[TREE]; /* we, and our descendants so far */
    size_t n;
};

static bool among(const pid_t *list, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == pid)
            return true;
    return false;
}

/* A list longer than the buffer is cut, perhaps inside a number: that one is not looked at. */
unsigned sweep_children(const pid_t *spared, size_t nspared)
{
    char path[64], text[8192];
    unsigned found = 0;
    ssize_t n = 0;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        n = read(fd, text, sizeof text - 1);
    fd_close(&fd);
    while (n > 0 && text[n - 1] != ' ')
        n--;
    text[n > 0 ? n : 0] = 0;
    for (char *at = text, *end; *at; at = end + 1) {
        pid_t pid = (pid_t)strtol(at, &end, 10);

        if (among(spared, nspared, pid))
            continue;
        (void)kill(pid, SIGKILL);
        found++;
    }
    return found;
}

static bool in_tree(const struct tree *t, pid_t pid)
{
    return among(t->pids, t->n, pid);
}

static void kill_descendant(const struct tree *t, int proc, const char *name, pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd >= 0 && in_tree(t, process_parent(proc, name)))
        (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
    fd_close(&fd);
}

/* /proc is in the order of pids, so parents mostly come before their children, and die first. */
unsigned sweep_tree(const pid_t *spared, size_t nspared)
{
    DIR *proc = opendir("/proc");
    struct tree tree = {.pids = {getpid()}, .n = 1};
    const struct dirent *e;
    unsigned found = 0;

    if (proc == NULL)
        return 1; /* there may be */
    while ((e = readdir(proc)) != NULL) {
        pid_t pid, parent;

        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        pid = (pid_t)strtol(e->d_name, NULL, 10);
        parent = process_parent(dirfd(proc), e->d_name);
        if (among(spared, nspared, pid))
            continue;
        if (parent == tree.pids[0])
            (void)kill(pid, SIGKILL);
        else if (in_tree(&tree, parent))
            kill_descendant(&tree, dirfd(proc), e->d_name, pid);
        else
            continue;
        found++;
        if (tree.n < TREE)
            tree.pids[tree.n++] = pid;
    }
    (void)closedir(proc);
    return found;
}
