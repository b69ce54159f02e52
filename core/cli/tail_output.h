/* cli/tail_output.h - text for whoever reads it, at his pace
 *
 * It is standard output, or a copy of it, and shared with strangers, so it stays blocking (O_NONBLOCK would be theirs too). What is written is
 * what it takes at once; a write that blocks all the same is broken off by a timer.
 */
#pragma once
#include <stdint.h>

#include "base/buf.h"

struct tail_output {
    int fd;
    struct buf bytes; /* appended by its owner, as it likes */
    size_t written;   /* of these */
};

enum tail_output_state {
    TAIL_OUTPUT_DONE,   /* all is written */
    TAIL_OUTPUT_BUSY,   /* the reader takes no more now */
    TAIL_OUTPUT_CLOSED, /* there is no reader any more */
    TAIL_OUTPUT_BROKEN, /* errno */
};

void tail_output_init(struct tail_output *o, int fd);  /* from now on SIGALRM is its own */
size_t tail_output_waits(const struct tail_output *o); /* bytes */
/* Takes at most some 200 ms. */
enum tail_output_state tail_output_write(struct tail_output *o);
/* Waits for so long, or until there is no reader any more: false. */
bool tail_output_rest(const struct tail_output *o, int64_t ns);
void tail_output_free(struct tail_output *o);
