/* base/process.c - the children of a process, as /proc lists them now
 *
 * CONFIG_PROC_CHILDREN is not everywhere, so the parents of all processes are read. A process that
 * ends meanwhile is passed over. Fails only when /proc cannot be read.
 */
#include "base/process.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

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
