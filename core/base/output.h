/* base/output.h - what somebody prints into a pipe of his own, line by line for the log
 *
 * A collector's standard output and error, a sink's worker and what its plugin prints. Whoever
 * prints too much loses lines, never time: what is beyond its quota is counted, long lines are cut,
 * and a turn of the loop reads a bounded piece. The quota is the owner's, over all its streams and
 * however often it is started: OUTPUT_BURST lines at once, OUTPUT_RATE a second for ever. Once it is
 * used up nothing is said until a second's worth is there again, and then first of all how much was
 * left out. Control bytes are escaped.
 */
#ifndef BASE_OUTPUT_H
#define BASE_OUTPUT_H
#include "base/log.h"
#include "base/loop.h"

enum { OUTPUT_LINE = LOG_LINE, OUTPUT_BURST = 100, OUTPUT_RATE = 20 };

struct output_quota {
    int64_t credit; /* ns: a line costs a second / OUTPUT_RATE */
    int64_t at;     /* mono: as of when */
    bool used_up;
    uint64_t left_out; /* lines since it is */
};
void output_quota_init(struct output_quota *q, int64_t mono); /* full */
/* One more line. True: say it, and before it that *left_out lines are not there, unless 0. */
bool output_quota_take(struct output_quota *q, int64_t mono, uint64_t *left_out);

struct output_owner { /* whose lines these are; one for all its streams */
    void (*say)(void *arg, enum log_level level, const char *line);
    void (*left_out)(void *arg, uint64_t lines);
    void *arg;
    struct output_quota quota;
};
/* Says what was left out so far: at the end of what it ran. */
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
/* Makes the pipe. Returns its write end, close-on-exec and non-blocking if `write_flags` says so
 * (O_NONBLOCK or 0), or -1 with errno. */
int output_open(struct output *o, struct loop *l, struct output_owner *owner, enum log_level level,
                int write_flags);
/* Reads what is still in the pipe (1 MiB at most) and closes. No-op when not open. */
void output_finish(struct output *o);

#endif
