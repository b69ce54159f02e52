/* base/timers.c - a pairing heap of timers, and the list of those that are due
 *
 * Adding is O(1), removing O(log n) amortised. In the heap a timer's children form a list
 * through `next`, whose first `prev` is the parent and whose others' `prev` is the left sibling.
 * Timers that became due move to a plain queue before any runs, so that one re-armed for "now"
 * waits for the next turn.
 */
#include "base/timers.h"

#include <stddef.h>

/* Makes one of two heaps the first child of the other, and returns that other. */
static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (b->at < a->at) {
        struct loop_timer *t = a;

        a = b;
        b = t;
    }
    b->next = a->child;
    if (b->next != NULL)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* One heap of a list of siblings, in two passes: pairs from the left, stacked; then the stack,
 * melded. */
static struct loop_timer *merge_siblings(struct loop_timer *t)
{
    struct loop_timer *stack = NULL, *heap = NULL;

    while (t != NULL) {
        struct loop_timer *second = t->next, *rest = second != NULL ? second->next : NULL;

        t->next = t->prev = NULL;
        if (second != NULL)
            second->next = second->prev = NULL;
        t = meld(t, second);
        t->next = stack;
        stack = t;
        t = rest;
    }
    while (stack != NULL) {
        struct loop_timer *next = stack->next;

        stack->next = NULL;
        heap = meld(heap, stack);
        stack = next;
    }
    return heap;
}

static void heap_remove(struct timers *ts, struct loop_timer *t)
{
    struct loop_timer *children = merge_siblings(t->child);

    if (t == ts->root) {
        ts->root = children;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next != NULL)
            t->next->prev = t->prev;
        ts->root = meld(ts->root, children);
    }
    t->child = t->next = t->prev = NULL;
}

void timers_init(struct timers *ts)
{
    ts->root = NULL;
    TAILQ_INIT(&ts->due);
}

void timers_add(struct timers *ts, struct loop_timer *t)
{
    t->child = t->next = t->prev = NULL;
    t->due = false;
    t->armed = true;
    ts->root = meld(ts->root, t);
}

void timers_remove(struct timers *ts, struct loop_timer *t)
{
    if (t->due)
        TAILQ_REMOVE(&ts->due, t, in_due);
    else
        heap_remove(ts, t);
    t->armed = t->due = false;
}

void timers_collect(struct timers *ts, int64_t now)
{
    while (ts->root != NULL && ts->root->at <= now) {
        struct loop_timer *t = ts->root;

        heap_remove(ts, t);
        t->due = true;
        TAILQ_INSERT_TAIL(&ts->due, t, in_due);
    }
}

struct loop_timer *timers_take(struct timers *ts)
{
    struct loop_timer *t = TAILQ_FIRST(&ts->due);

    if (t != NULL)
        timers_remove(ts, t);
    return t;
}
