/* delivery/silence.h - what was sent, and may yet come back as refused: pure
 *
 * A datagram that nobody takes may be answered by an error, later, for some of many (a kernel sends
 * one a second to a host, after a few at once), and about an earlier one. So one counts as having
 * arrived when for a second after it nothing came back; and what comes back puts in doubt all that
 * was sent in the second before.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { SILENCE_STEPS = 128 };

struct silence { /* all zero: nothing was sent */
    struct silence_step {
        uint64_t end;            /* offset behind what was sent in it */
        int64_t began_ns, at_ns; /* mono: its first and its last datagram */
    } steps[SILENCE_STEPS];      /* a ring, oldest first */
    unsigned head, n;
};

/* What is sent at about the same time is one step: it counts by its last datagram. */
void silence_sent(struct silence *s, uint64_t end, int64_t now);
/* True, and *end, when more has passed its second. Whoever asks has looked for errors before. */
bool silence_passed(struct silence *s, int64_t now, uint64_t *end);
int64_t silence_due(const struct silence *s); /* mono: when more will have; 0: nothing is open */
