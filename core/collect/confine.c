/* collect/confine.c - the order matters: limits, niceness and the bounding set while we still may,
 * then the groups, then the user, then all capabilities, after which nothing can be taken back; the
 * folder last, so that it is the collector's own rights that decide. Every step can be refused, and
 * then the run does not start: a collector with more rights than configured is worse than none.
 */
#include "collect/confine.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/privileges.h"

enum { RUN_UMASK = 022 };

/* --- limits --- */

/* Never above what garnetd itself is allowed; `soft` may be below `hard` for a signal that can be
 * caught. */
static int limit_one(__rlimit_resource_t resource, int64_t soft, int64_t hard)
{
    struct rlimit r;

    if (getrlimit(resource, &r) < 0)
        return -1;
    if ((rlim_t)hard < r.rlim_max)
        r.rlim_max = (rlim_t)hard;
    r.rlim_cur = (rlim_t)soft < r.rlim_max ? (rlim_t)soft : r.rlim_max;
    return setrlimit(resource, &r);
}

/* At its CPU limit a process gets SIGXCPU, a second later SIGKILL. */
static int limit_run(const struct conf_collector *c)
{
    const struct conf_limits *l = &c->limits;
    int64_t cpu = l->cpu / NS_PER_S + (l->cpu % NS_PER_S > 0);

    if (limit_one(RLIMIT_CORE, 0, 0) < 0)
        return -1;
    if (l->cpu >= 0 && limit_one(RLIMIT_CPU, cpu, cpu + 1) < 0)
        return -1;
    if (l->memory >= 0 && !c->cgroup.memory && limit_one(RLIMIT_AS, l->memory, l->memory) < 0)
        return -1;
    if (l->files >= 0 && limit_one(RLIMIT_NOFILE, l->files, l->files) < 0)
        return -1;
    if (l->processes >= 0 && !c->cgroup.processes &&
        limit_one(RLIMIT_NPROC, l->processes, l->processes) < 0)
        return -1;
    return l->file_size < 0 ? 0 : limit_one(RLIMIT_FSIZE, l->file_size, l->file_size);
}

static int be_nice(int64_t more)
{
    if (more == 0)
        return 0;
    errno = 0; /* -1 is a niceness too */
    return nice((int)more) == -1 && errno != 0 ? -1 : 0;
}

/* --- who it is --- */

static int switch_user(const struct conf_identity *id)
{
    return privileges_become(id->uid, id->gid, id->groups, id->ngroups);
}

/* With or without a user of its own: the kernel takes root's capabilities away with its uid, but not
 * those of a garnetd that is nobody special and has CAP_SETUID as an ambient one. */
static int confine_user(const struct conf_collector *c)
{
    return privileges_drop() < 0 || (c->no_new_privs && privileges_no_new() < 0) ? -1 : 0;
}

/* --- all --- */

bool confine(const struct conf_collector *c, const char *cwd, enum run_step *step)
{
    *step = STEP_LIMITS;
    if (limit_run(c) < 0)
        return false;
    *step = STEP_NICE;
    if (be_nice(c->nice) < 0)
        return false;
    if (c->no_new_privs) /* else set-user-id programs are to have an effect */
        privileges_bound();
    *step = STEP_USER;
    if (switch_user(&c->identity) < 0)
        return false;
    *step = STEP_PRIVILEGES;
    if (confine_user(c) < 0)
        return false;
    (void)umask(RUN_UMASK);
    *step = STEP_FOLDER;
    return chdir(cwd) == 0;
}
