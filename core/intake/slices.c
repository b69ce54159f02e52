/* intake/slices.c - whose bytes are read next, and for how long: fair by time
 *
 * Clients with something to read stand in a queue. Each in its turn gets a slice: so many bytes as
 * have lately cost it about SLICE_NS, since a byte of a long string and a byte of garbage differ a
 * hundredfold. One that took longer all the same (an object ends, and its metrics are made) owes
 * the rest, and is passed by until that is paid. A turn of the loop reads for TURN_NS and no
 * longer, so timers are late by little more than that; who is left stays at the head of the queue.
 *
 * So a client waits, for each of its reads, about SLICE_NS for every other that is busy, however
 * they behave. Nothing here fails.
 */
#include <time.h>

#include "base/clock.h"
#include "intake/conn.h"

static const int64_t TURN_NS = 2 * NS_PER_MS, SLICE_NS = 250000;
static const size_t SLICE_LEAST = 1024;
/* What a run's end may take beyond the turn: bytes at most, and time once so much is in. */
static const size_t DRAIN_MOST = 4 << 20, DRAIN_LEAST = 256 << 10;
static const int64_t DRAIN_NS = 20 * NS_PER_MS;

void slices_add(struct conn *c)
{
    struct intake *in = c->in;

    if (c->queued)
        return;
    c->queued = true;
    c->queue_next = NULL;
    c->queue_prev = in->queue_last;
    if (in->queue_last != NULL)
        in->queue_last->queue_next = c;
    else
        in->queue = c;
    in->queue_last = c;
}

void slices_remove(struct conn *c)
{
    struct intake *in = c->in;

    if (!c->queued)
        return;
    c->queued = false;
    if (c->queue_prev != NULL)
        c->queue_prev->queue_next = c->queue_next;
    else
        in->queue = c->queue_next;
    if (c->queue_next != NULL)
        c->queue_next->queue_prev = c->queue_prev;
    else
        in->queue_last = c->queue_prev;
}

/* Not the monotonic clock: nobody pays for the time in which garnetd had no processor. */
static int64_t cpu_time(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return clock_ns(ts);
}

static void learn(struct conn *c, size_t n, int64_t took)
{
    c->debt_ns += took - SLICE_NS;
    if (c->debt_ns < 0)
        c->debt_ns = 0;
    if (took > SLICE_NS && c->slice > SLICE_LEAST)
        c->slice /= 2;
    else if (took < SLICE_NS / 4 && n == c->slice && c->slice < READ_SIZE)
        c->slice *= 2;
}

void slices_run(struct intake *in)
{
    int64_t began = clock_mono(), at = began;
    struct conn *c;

    while ((c = in->queue) != NULL && at - began < TURN_NS) {
        size_t asked = c->slice, n;
        int64_t cpu;

        slices_remove(c);
        if (c->debt_ns > 0) {
            c->debt_ns -= SLICE_NS;
            slices_add(c);
            continue;
        }
        if (!conn_readable(c))
            continue;
        cpu = cpu_time();
        n = conn_read(c, asked);
        if (n > 0 && n < asked && conn_readable(c)) /* most send once and half-close */
            (void)conn_read(c, asked - n);
        learn(c, n, cpu_time() - cpu);
        at = clock_mono();
        if (n == asked && conn_readable(c))
            slices_add(c);
    }
}

void slices_drain(const struct source *s)
{
    int64_t began = clock_mono();
    size_t sum = 0, n;

    for (struct conn *c = s->in->clients; c != NULL; c = c->next) {
        if (c->source != s)
            continue;
        if (!conn_readable(c)) /* nobody waits for what it is owed any more */
            conn_look(c);
        do {
            if (sum >= DRAIN_MOST || (sum >= DRAIN_LEAST && clock_mono() - began >= DRAIN_NS))
                return;
            n = conn_readable(c) ? conn_read(c, READ_SIZE) : 0;
            sum += n;
        } while (n > 0);
    }
}
