/* collect/launch.h - what a collector's process is given and made into, up to its exec, and what failed
 *
 * Of garnetd's own environment a few variables are passed on (the list is in the .c), and of those
 * none that would name somebody else when the collector has a user of its own. Its configuration
 * adds to them and wins. GARNET_SOCKET, GARNET_COLLECTOR and GARNET_INTERVAL (in seconds) are
 * Garnet's. For the keeper, whose child it is, the process enters its control group, takes its limits,
 * user and folder, looks at its program once more and runs it, in a session of its own, and so in a
 * process group.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/starter.h"
#include "base/why.h"
#include "collect/cgroup.h"
#include "conf/conf.h"

struct launch {
    const struct conf_collector *conf;
    const char *const *argv; /* argv[0] absolute; the socket path is its last element */
    const char *const *env;
    const char *cwd;
    int out, err; /* write ends for its stdout and stderr */
    int in,
        status; /* for its stdin and its descriptor 3 (collect/converter.h); 0: /dev/null, and none */
};

enum run_step {             /* what is done on the way, for the report of what failed */
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

struct launch_failure { /* fit to be sent to another process */
    int32_t error;      /* errno; 0: none */
    uint32_t step;      /* enum run_step */
    struct why why;     /* of STEP_EXEC: what is wrong with the program, or "" */
};

struct launch_order { /* what the child is to do, and what comes of it */
    const struct launch *launch;
    const struct cgroup *cgroup;
    int control;
    struct launch_failure *failure;
};

/* All but `out` and `err`, in the arena. False: no memory. */
bool launch_prepare(struct launch *l, struct arena *a, const struct conf_collector *c);
/* What of that is done to its keeper, once for all of its runs, since it takes as long as a fork: with no_new_privs
 * the bounding set is emptied. A keeper for which that was done has no runs without. */
void launch_bound(const struct conf_collector *c);
/* Memory for what fails, shared with the child. NULL with errno. */
struct launch_failure *launch_page(void);
/* The collector's pid, or -1 with errno. The child sends its pid over `control` before it does
 * anything else; what fails on its way is in `*failure`, once it has ended. The order stays until then. */
pid_t launch_collector(struct starter *s, struct launch_order *o);
/* Why it never ran: "cannot switch to user nobody: Operation not permitted". */
void launch_describe(const struct launch_failure *f, const struct conf_collector *c,
                     struct why *why);
