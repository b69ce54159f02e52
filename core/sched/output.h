/* sched/output.h - one stream of a run, stdout or stderr, line by line into the log
 *
 * A collector that prints too much loses lines, never time: what is beyond OUTPUT_LINES lines a run
 * is counted, long lines are cut, and a turn of the loop reads a bounded piece.
 */
#ifndef SCHED_OUTPUT_H
#define SCHED_OUTPUT_H
#include "base/log.h"
#include "base/loop.h"

enum { OUTPUT_LINE = 512, OUTPUT_LINES = 100 };

struct output {
    struct loop *loop;
    struct loop_fd watch;
    int fd;           /* the pipe's read end, owned; -1 when closed */
    const char *name; /* the collector's; borrowed */
    enum log_level level;
    char line[OUTPUT_LINE]; /* what has come of the line at hand */
    size_t n;
    bool cut;       /* it was longer */
    uint64_t lines; /* of this run, empty ones apart */
};

void output_init(struct output *o); /* closed */
/* Makes the pipe. Returns its write end for the collector, close-on-exec, or -1 with errno. */
int output_open(struct output *o, struct loop *l, const char *name, enum log_level level);
/* Reads what is still in the pipe (64 KiB at most), says what was left out, closes. No-op when not
 * open. */
void output_finish(struct output *o);

#endif
