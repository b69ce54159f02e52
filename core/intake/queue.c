/* intake/queue.c - turns by time: what a byte costs is learnt for each
 *
 * Each in its turn gets a slice: so many bytes as have lately cost it about SLICE_NS, since a byte
 * of a long string and a byte of garbage differ a hundredfold. One that took longer all the same
 * (an object ends, and its metrics are made) owes the rest, and is passed by until that is paid.
 * The loop's timers are late by little more than TURN_NS; who is left stays at the head of the
 * queue.
 */
#include "intake/queue.h"

#include <time.h>

#include "base/clock.h"

static const int64_t TURN_NS = 2 * NS_PER_MS, SLICE_NS = 250000;
enum { SLICE_FIRST = 16 * 1024 /* of one that is not yet known */, SLICE_LEAST = 1024 };

void queue_init(struct queue *q, queue_turn_fn *turn)
{
    q->turn = turn;
    TAILQ_INIT(&q->entries);
}

void queue_entry_init(struct queue_entry *e, void *arg)
{
    *e = (struct queue_entry){.arg = arg, .slice = SLICE_FIRST};
}

void queue_add(struct queue *q, struct queue_entry *e)
{
    if (e->queued)
        return;
    e->queued = true;
    TAILQ_INSERT_TAIL(&q->entries, e, queue);
}

void queue_remove(struct queue *q, struct queue_entry *e)
{
    if (!e->queued)
        return;
    e->queued = false;
    TAILQ_REMOVE(&q->entries, e, queue);
}

/* Not the monotonic clock: nobody pays for the time in which garnetd had no processor. */
static int64_t cpu_time(void)
{
    struct timespec ts = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return clock_ns(ts);
}

static void learn_cost(struct queue_entry *e, size_t n, int64_t took)
{
    e->debt_ns += took - SLICE_NS;
    if (e->debt_ns < 0)
        e->debt_ns = 0;
    if (took > SLICE_NS && e->slice > SLICE_LEAST)
        e->slice /= 2;
    else if (took < SLICE_NS / 4 && n == e->slice && e->slice < QUEUE_READ_MOST)
        e->slice *= 2;
}

void queue_run(struct queue *q)
{
    int64_t began = clock_mono(), at = began;
    struct queue_entry *e;

    while ((e = TAILQ_FIRST(&q->entries)) != NULL && at - began < TURN_NS) {
        size_t n;
        int64_t cpu;
        bool more = true;

        queue_remove(q, e);
        if (e->debt_ns > 0) {
            e->debt_ns -= SLICE_NS;
        } else {
            cpu = cpu_time();
            more = q->turn(e->arg, e->slice, &n);
            learn_cost(e, n, cpu_time() - cpu);
            at = clock_mono();
        }
        if (more)
            queue_add(q, e);
    }
}
