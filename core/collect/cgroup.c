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

static int put_value(const struct cgroup *g, const char *file, const char *text)
{
    int fd = openat(g->dir, file, O_WRONLY | O_CLOEXEC), err;
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    err = n < 0 ? errno : EIO;
    fd_close(&fd);
    if (n == (ssize_t)strlen(text))
        return 0;
    errno = err;
    return -1;
}

static int put_number(const struct cgroup *g, const char *file, int64_t n)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%" PRId64, n);
    return put_value(g, file, text);
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

static int limit_group(const struct cgroup *g, const struct conf_collector *c)
{
    if (c->cgroup.processes && c->limits.processes >= 0 &&
        put_number(g, "pids.max", c->limits.processes) < 0)
        return -1;
    if (c->cgroup.memory && c->limits.memory >= 0 &&
        put_number(g, "memory.max", c->limits.memory) < 0)
        return -1;
    return 0;
}

static bool needed(const struct conf_collector *c)
{
    return (c->cgroup.processes && c->limits.processes >= 0) ||
           (c->cgroup.memory && c->limits.memory >= 0);
}

int cgroup_make(struct cgroup *g, const struct conf_collector *c, pid_t garnetd)
{
    int err;

    cgroup_init(g);
    if (c->cgroup.dir == NULL)
        return 0;
    (void)snprintf(g->name, sizeof g->name, "run-%d-%.64s", (int)garnetd, c->name);
    if (open_group(g, c->cgroup.dir) == 0 && limit_group(g, c) == 0)
        return 0;
    err = errno;
    cgroup_remove(g);
    errno = err;
    return needed(c) ? -1 : 0;
}

int cgroup_enter(const struct cgroup *g)
{
    return g->dir < 0 ? 0 : put_value(g, "cgroup.procs", "0");
}

void cgroup_kill(const struct cgroup *g)
{
    if (g->dir >= 0)
        (void)put_value(g, "cgroup.kill", "1");
}

/* Refused while somebody is in it: then the next run, or the end of garnetd's group, sees to it. */
void cgroup_remove(struct cgroup *g)
{
    if (g->dir >= 0)
        (void)unlinkat(g->parent, g->name, AT_REMOVEDIR);
    fd_close(&g->dir);
    fd_close(&g->parent);
}
