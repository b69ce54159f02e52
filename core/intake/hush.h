/* intake/hush.h - log lines that a client can cause at will: so many at a time, the rest counted
 *
 * Arithmetic only: neither a clock nor the log is in here.
 */
#ifndef INTAKE_HUSH_H
#define INTAKE_HUSH_H
#include <stdbool.h>
#include <stdint.h>

enum { HUSH_LINES = 50 }; /* in HUSH_NS */
#define HUSH_NS (INT64_C(10) * 1000000000)

struct hush { /* all zero: nothing said yet */
    int64_t since;
    unsigned said;
    uint64_t left_out; /* since the last line that was said */
};

/* May a line be said at `now`? When it may, *left_out is how many could not since the last one. */
bool hush_may(struct hush *h, unsigned most, int64_t now, uint64_t *left_out);

#endif
