/* base/logpipe.h - a pipe of its own for what a process prints: line by line into the log
 *
 * For a collector's standard output and error, a sink's worker and what its plugin prints. Whoever
 * prints too much loses lines, never time: a turn of the loop reads a bounded piece, long lines are
 * cut, and the rate limit belongs to the owner, over all its pipes and however often it is started.
 * It is LOGPIPE_BURST lines at once and LOGPIPE_RATE a second; when these are used up, nothing is
 * logged until a second's worth is there again, and then first how many lines were left out.
 * Control bytes are escaped.
 */
#pragma once
#include "base/log.h"
#include "base/loop.h"
#include "base/throttle.h"

enum { LOGPIPE_LINE = LOG_LINE, LOGPIPE_BURST = 100, LOGPIPE_RATE = 20 };

struct logpipe_owner { /* whose lines these are; one for all its streams */
    void (*say)(void *arg, enum log_level level, const char *line);
    void (*left_out)(void *arg, uint64_t lines);
    void *arg;
    struct ratelimit limit;
};
/* Logs how many lines were left out so far: at the end of what it ran. */
void logpipe_owner_finish(struct logpipe_owner *o);

struct logpipe {
    struct loop *loop;
    struct loop_fd watch;
    int fd; /* the pipe's read end, owned; -1 when closed */
    struct logpipe_owner *owner;
    enum log_level level;
    char line[LOGPIPE_LINE]; /* what has come of the line at hand */
    size_t n;
    bool cut; /* it was longer */
};

void logpipe_init(struct logpipe *o); /* closed */
/* Makes the pipe. Returns its write end, close-on-exec and non-blocking if `write_flags` says so
 * (O_NONBLOCK or 0), or -1 with errno. */
int logpipe_open(struct logpipe *o, struct loop *l, struct logpipe_owner *owner,
                 enum log_level level, int write_flags);
/* Reads what is still in the pipe (1 MiB at most) and closes. No-op when not open. */
void logpipe_finish(struct logpipe *o);
