/* tests/rig/processes.c - what /proc has of all processes is looked through */
#include "rig/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whatever is_one(): up to `most` into pids; how many there are. */
static int find_processes(bool (*is_one)(const char *pid, const void *arg), const void *arg,
                          pid_t *pids, int most)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    int found = 0;

    while (proc != NULL && (e = readdir(proc)) != NULL)
        if (isdigit((unsigned char)e->d_name[0]) && is_one(e->d_name, arg)) {
            if (found < most)
                pids[found] = (pid_t)atoi(e->d_name);
            found++;
        }
    if (proc != NULL)
        (void)closedir(proc);
    return found;
}

/* Of "/proc/PID/FILE"; its length, 0 where there is none. */
static size_t read_of(const char *pid, const char *file, char *text, size_t size)
{
    char path[64];
    ssize_t n = -1;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, size);
        (void)close(fd);
    }
    return n > 0 ? (size_t)n : 0;
}

static bool is_marked(const char *pid, const void *mark)
{
    static char env[65536];
    size_t n = read_of(pid, "environ", env, sizeof env);

    return n > 0 && memmem(env, n, mark, strlen(mark)) != NULL;
}

int processes_marked(const char *mark)
{
    return find_processes(is_marked, mark, NULL, 0);
}

struct place {
    pid_t parent;
    const char *comm;
};

/* "PID (COMM) STATE PARENT ..." */
static bool is_under(const char *pid, const void *arg)
{
    const struct place *at = arg;
    char text[512], name[16] = "", state = 'Z';
    int its = 0;

    text[read_of(pid, "stat", text, sizeof text - 1)] = 0;
    return sscanf(text, "%*d (%15[^)]) %c %d", name, &state, &its) == 3 && its == at->parent &&
           state != 'Z' && state != 'X' && strcmp(name, at->comm) == 0;
}

int processes_under(pid_t parent, const char *comm, pid_t *pids, int most)
{
    return find_processes(is_under, &(struct place){parent, comm}, pids, most);
}

pid_t process_under(pid_t parent, const char *comm)
{
    pid_t pid = 0;

    WAIT_FOR(processes_under(parent, comm, &pid, 1) == 1);
    return pid;
}

/* No child of ours: those are counted. */
static _Noreturn void trace(pid_t pid, int until[2], int ready)
{
    char c;

    if (fork() != 0)
        _exit(0);
    c = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
    (void)close(until[1]);
    (void)!write(ready, &c, 1);
    (void)!read(until[0], &c, 1);
    _exit(0);
}

int process_hold(pid_t pid)
{
    int until[2], ready[2];
    char traced = 0;
    pid_t child;

    cr_assert_eq(pipe2(until, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    if (child == 0)
        trace(pid, until, ready[1]);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(read(ready[0], &traced, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    (void)close(until[0]);
    if (traced != 0)
        return until[1];
    (void)close(until[1]);
    return -1;
}

int open_descriptors(const char *pid)
{
    char path[64];
    DIR *d;
    int n = 0;

    (void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    d = opendir(path);
    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        (void)closedir(d);
    return n - 2 - (strcmp(pid, "self") == 0); /* ".", "..", and our own */
}
