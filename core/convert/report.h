/* convert/report.h - what is wrong with the input, for whoever reads standard error
 *
 * A line each: PROGRAM: line 3, byte 9: what is wrong and what to do. At most 50 in ten seconds; the rest is counted, and the count
 * said. Of what is left out by a format's rules the first of each kind is said, and at the end how many there were.
 */
#pragma once
#include <stdio.h>

#include "base/throttle.h"
#include "convert/output.h"

struct report {          /* all zero but for its first two */
    const char *program; /* borrowed, as is: */
    FILE *to;
    uint64_t faults;           /* so far */
    uint64_t left[LEFT_KINDS]; /* likewise */
    struct ratelimit limit;
};

void report_fault(struct report *r, const struct output_fault *f);
void report_left_out(struct report *r, const struct output_fault *f, enum output_left what);
void report_end(struct report *r); /* what was only counted */
