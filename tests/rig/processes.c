/* tests/rig/processes.c - what /proc has of all processes is looked through */
#include "rig/processes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int processes_marked(const char *mark)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    int found = 0;

    while (proc != NULL && (e = readdir(proc)) != NULL) {
        static char env[65536];
        char path[64];
        ssize_t n = -1;
        int fd;

        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        (void)snprintf(path, sizeof path, "/proc/%.20s/environ", e->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            n = read(fd, env, sizeof env);
            (void)close(fd);
        }
        if (n > 0 && memmem(env, (size_t)n, mark, strlen(mark)) != NULL)
            found++;
    }
    if (proc != NULL)
        (void)closedir(proc);
    return found;
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
