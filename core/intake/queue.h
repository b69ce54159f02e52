/* intake/queue.h - whose bytes are read next, and for how long: fair by time
 *
 * Who waits for a turn stands in the queue; what that is, and what reading is, its owner knows: a
 * turn is a callback. Each waits, for each of its reads, about a quarter of a ms for every other that
 * is busy, however they behave. Nothing here allocates or fails. An entry is removed before it is
 * freed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum { QUEUE_READ_MOST = 64 * 1024 /* bytes, in a turn */ };

struct queue_entry {
    void *arg;
    size_t slice;    /* bytes for its next turn */
    int64_t debt_ns; /* time that it has had beyond its share */
    bool queued;
    TAILQ_ENTRY(queue_entry) queue;
};

/* Reads up to `most` bytes; *n is how many. True: there is more, and it wants another turn. */
typedef bool queue_turn_fn(void *arg, size_t most, size_t *n);

struct queue {
    queue_turn_fn *turn;
    TAILQ_HEAD(, queue_entry) entries;
};

void queue_init(struct queue *q, queue_turn_fn *turn);
void queue_entry_init(struct queue_entry *e, void *arg); /* arg: of its turns */
void queue_add(struct queue *q, struct queue_entry *e);  /* at the end; no-op when it is in */
void queue_remove(struct queue *q, struct queue_entry *e);
void queue_run(struct queue *q); /* turns, for 2 ms at most */
