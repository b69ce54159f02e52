/* delivery/silence.c - what was sent, and may yet come back as refused
 *
 * A clock that jumps confirms too late at worst.
 */
#include "delivery/silence.h"

#include <stddef.h>

#include "base/clock.h"

static const int64_t SECOND = NS_PER_S, STEP = 10 * NS_PER_MS;

static struct silence_step *step_at(struct silence *s, unsigned i)
{
    return &s->steps[(s->head + i) % SILENCE_STEPS];
}

void silence_sent(struct silence *s, uint64_t end, int64_t now)
{
    struct silence_step *last = s->n > 0 ? step_at(s, s->n - 1) : NULL;

    if (last == NULL || (now - last->began_ns >= STEP && s->n < SILENCE_STEPS)) {
        last = step_at(s, s->n++);
        last->began_ns = now;
    }
    last->end = end;
    last->at_ns = now;
}

bool silence_passed(struct silence *s, int64_t now, uint64_t *end)
{
    bool passed = false;

    while (s->n > 0 && now - step_at(s, 0)->at_ns >= SECOND) {
        *end = step_at(s, 0)->end;
        s->head = (s->head + 1) % SILENCE_STEPS;
        s->n--;
        passed = true;
    }
    return passed;
}

int64_t silence_due(const struct silence *s)
{
    return s->n > 0 ? s->steps[s->head].at_ns + SECOND : 0;
}
