/* sched/output.h - one stream of a run, stdout or stderr, line by line into the log
 *
 * A collector that prints too much loses lines, never time: what is beyond its quota is counted,
 * long lines are cut, and a turn of the loop reads a bounded piece. The quota is a collector's,
 * over both streams and all its runs: OUTPUT_BURST lines at once, OUTPUT_RATE a second for ever.
 * Once it is used up nothing is said until a second's worth is there again, and then first of all
 * how much was left out.
 */
#ifndef SCHED_OUTPUT_H
#define SCHED_OUTPUT_H
#include "base/log.h"
#include "base/loop.h"

enum { OUTPUT_LINE = 512, OUTPUT_BURST = 100, OUTPUT_RATE = 20 };

struct output_quota {
    int64_t credit; /* ns: a line costs a second / OUTPUT_RATE */
    int64_t at;     /* mono: as of when */
    bool used_up;
    uint64_t left_out; /* lines since it is */
};
void output_quota_init(struct output_quota *q, int64_t mono); /* full */
/* One more line. True: say it, and before it that *left_out lines are not there, unless 0. */
bool output_quota_take(struct output_quota *q, int64_t mono, uint64_t *left_out);

struct output_owner { /* whose lines these are; a collector has one for both its streams */
    const char *name; /* borrowed */
    int control;      /* of its keeper, who sends the pid; -1: none */
    pid_t pid;        /* of the run; 0: not known yet */
    struct output_quota quota;
};
/* Says what was left out so far: at the end of a run. */
void output_owner_finish(struct output_owner *o);

struct output {
    struct loop *loop;
    struct loop_fd watch;
    int fd; /* the pipe's read end, owned; -1 when closed */
    struct output_owner *owner;
    enum log_level level;
    char line[OUTPUT_LINE]; /* what has come of the line at hand */
    size_t n;
    bool cut; /* it was longer */
};

void output_init(struct output *o); /* closed */
/* Makes the pipe. Returns its write end for the collector, close-on-exec, or -1 with errno. */
int output_open(struct output *o, struct loop *l, struct output_owner *owner, enum log_level level);
/* Reads what is still in the pipe (64 KiB at most) and closes. No-op when not open. */
void output_finish(struct output *o);

#endif
