/* collect/confine.h - what a collector's process is made into before its exec: limits, user, folder
 */
#ifndef COLLECT_CONFINE_H
#define COLLECT_CONFINE_H
#include "conf/conf.h"

/* What is done on the way to a running collector, for the report of what failed. */
enum run_step {
    STEP_START, /* a process, descriptors */
    STEP_CGROUP,
    STEP_LIMITS,
    STEP_NICE,
    STEP_USER,
    STEP_PRIVILEGES,
    STEP_FOLDER,
    STEP_EXEC,
    RUN_STEPS
};

/* For the child, once: there is no way back. False with errno and the step that failed. */
bool confine(const struct conf_collector *c, const char *cwd, enum run_step *step);

#endif
