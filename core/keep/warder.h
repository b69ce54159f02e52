/* keep/warder.h - the keeper of a ward (keep/ward.h): its own side, what it is told, and what it reports
 *
 * A keeper of runs has what makes a run (user, limits, output); this one has nothing of that, keeps one process, and
 * is not used again. The process has a process group of its own, which gets its signals. When it has ended, what it
 * has left behind is killed, and then its end is reported; also if some of that hangs in the kernel, which the keeper
 * then goes on to wait for. When garnetd is gone the process gets TERM, and 2 s later KILL; a job that is read only then
 * is not begun.
 */
#pragma once
#include <sys/resource.h>

#include "base/process.h"

/* All borrowed. fds[0..nfds-1] become 0, 1, ... of a program; a helper finds 2 there, and the others under their own
 * numbers in its job. -1: /dev/null, or none. */
struct ward_job {
    const char *const
        *argv; /* a program, or what a helper is told, its name first; ends with NULL */
    bool helper;
    uint32_t word; /* for a helper */
    int fds[SPAWN_MAX_FDS];
    size_t nfds;
};

struct ward_end {
    int error;  /* errno: there was no keeper, or no process; 0: there was */
    bool lost;  /* the keeper was killed, and so was what it kept: nothing is known */
    bool hangs; /* some of what it has left has not ended by KILL */
    int32_t status;
    struct rusage used;
    uint32_t left_behind; /* processes that outlived it and had to be killed */
};

/* For the nursery: the keeper's pid, or -1 with errno. `helper`: of all jobs that are no program. */
pid_t warder_fork(int end, int (*helper)(void *job));
/* For garnetd: the job, to a keeper that there may not be yet. 0, or -1 with errno; never blocks. */
int warder_send(int control, const struct ward_job *job);
