/* collect/launch.h - the way of a collector's process from its fork to its exec, and what failed on it
 *
 * For the keeper, whose child it is. It enters its control group, becomes what confine.h makes of it,
 * looks at its program once more and runs it, in a process group of its own.
 */
#ifndef COLLECT_LAUNCH_H
#define COLLECT_LAUNCH_H
#include <stdint.h>
#include <sys/types.h>

#include "base/why.h"
#include "collect/cgroup.h"
#include "collect/confine.h"
#include "conf/conf.h"

struct launch {
    const struct conf_collector *conf; /* of it: identity, limits, nice, no_new_privs, trust */
    const char *const *argv;           /* argv[0] absolute; the socket path is its last element */
    const char *const *env;
    const char *cwd; /* "/" */
    int out, err;    /* write ends for its stdout and stderr */
};

struct launch_failure { /* fit to be sent to another process */
    int32_t error;      /* errno; 0: none */
    uint32_t step;      /* enum run_step */
    struct why why;     /* of STEP_EXEC: what is wrong with the program, or "" */
};

/* Memory for what fails, shared with the child that is forked next. NULL with errno. */
struct launch_failure *launch_page(void);
/* The collector's pid, or -1 with errno. The child sends its pid over `control` before it does
 * anything else; what fails on its way is in `page`, once it has ended. */
pid_t launch_collector(const struct launch *l, const struct cgroup *g, int control,
                       struct launch_failure *page);
/* Why it never ran: "cannot switch to user nobody: Operation not permitted". */
void launch_describe(const struct launch_failure *f, const struct conf_collector *c,
                     struct why *why);

#endif
