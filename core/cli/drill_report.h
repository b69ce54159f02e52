/* cli/drill_report.h - what a drill says, a line each: "ok", "look" or "FAIL"; and which metrics are of which of its steps */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drill_report {
    bool failed; /* there was a FAIL */
    struct drill_step {
        const char *name;
        uint64_t from; /* the first metric that was accepted in it */
    } steps[32];
    size_t nsteps;
};

/* From that metric on it is this step, "kill -9"; borrowed. */
void drill_begin(struct drill_report *r, const char *name, uint64_t metric);
const char *drill_step_of(const struct drill_report *r, uint64_t metric);
/* `verdict` is "ok  " or "look". */
void drill_tell(const char *verdict, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Returns false. */
bool drill_fail(struct drill_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
