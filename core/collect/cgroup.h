/* collect/cgroup.h - a run's own control group (v2), where garnetd may make one
 *
 * It holds the limits of the run as a whole, and ends all of it in one stroke, however fast that
 * forks. Where there is none, all of these do nothing and the keeper's sweep does what it can.
 */
#pragma once
#include <sys/types.h>

#include "conf/conf.h"

struct cgroup {
    int parent, dir; /* -1: none */
    char name[96];
};

void cgroup_init(struct cgroup *g);
/* As the collector's configuration has it. -1 with errno: its limits cannot be kept. */
int cgroup_make(struct cgroup *g, const struct conf_collector *c, pid_t garnetd);
int cgroup_enter(const struct cgroup *g); /* this process; 0, or -1 with errno */
void cgroup_kill(const struct cgroup *g);
void cgroup_remove(struct cgroup *g); /* when nothing is left in it */
