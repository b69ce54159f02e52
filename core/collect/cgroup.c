/* collect/cgroup.c - the name is of garnetd's pid and the collector, which has one run at a time:
 * so a group that is there already was left by a run whose keeper was killed, and what is still in
 * it is killed now. A group that cannot be made costs a run only where its limits need one.
 */
#include "collect/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

void cgroup_init(struct cgroup *g)
{
    g->parent = g->dir = -1;
}

static int put_number(const struct cgroup *g, const char *file, int64_t n)
{
    char text[32];
    int fd = openat(g->dir, file, O_WRONLY | O_CLOEXEC), put = -1;

    if (fd >= 0)
        put = fd_write_all(fd, text, (size_t)snprintf(text, sizeof text, "%" PRId64, n));
    fd_close(&fd);
    return put;
}

static int open_group(struct cgroup *g, const char *parent)
{
    const int how = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

    if ((g->parent = open(parent, how)) < 0)
        return -1;
    if (mkdirat(g->parent, g->name, 0755) < 0 && errno != EEXIST)
        return -1;
    if ((g->dir = openat(g->parent, g->name, how)) < 0)
        return -1;
    cgroup_kill(g);
    return 0;
}

int cgroup_make(struct cgroup *g, const struct conf_collector *c, pid_t garnetd)
{
    int64_t processes = c->cgroup.processes ? c->limits.processes : -1;
    int64_t memory = c->cgroup.memory ? c->limits.memory : -1;
    int err;

    cgroup_init(g);
    if (c->cgroup.dir == NULL)
        return 0;
    (void)snprintf(g->name, sizeof g->name, "run-%d-%.64s", (int)garnetd, c->name);
    if (open_group(g, c->cgroup.dir) == 0 &&
        (processes < 0 || put_number(g, "pids.max", processes) == 0) &&
        (memory < 0 || put_number(g, "memory.max", memory) == 0))
        return 0;
    err = errno;
    cgroup_remove(g);
    errno = err;
    return processes >= 0 || memory >= 0 ? -1 : 0;
}

int cgroup_enter(const struct cgroup *g)
{
    return g->dir < 0 ? 0 : put_number(g, "cgroup.procs", 0);
}

void cgroup_kill(const struct cgroup *g)
{
    if (g->dir >= 0)
        (void)put_number(g, "cgroup.kill", 1);
}

/* Refused while somebody is in it: then the next run, or the end of garnetd's group, sees to it. */
void cgroup_remove(struct cgroup *g)
{
    if (g->dir >= 0)
        (void)unlinkat(g->parent, g->name, AT_REMOVEDIR);
    fd_close(&g->dir);
    fd_close(&g->parent);
}
