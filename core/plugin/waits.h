/* plugin/waits.h - what a plugin waits for: its descriptors and its timer, in a loop
 *
 * event() is called from the loop, one at a time, and so never inside another of the plugin's
 * functions. A plugin that closes a descriptor it still watches breaks its promise; the kernel
 * then forgets the descriptor by itself, and nothing is called for it.
 */
#pragma once
#include <sys/queue.h>

#include "base/loop.h"

typedef void waits_event_fn(void *arg, int fd, uint32_t events); /* fd -1: the timer */

struct waits { /* all zero: nothing, in no loop */
    struct loop *loop;
    LIST_HEAD(, waits_watch) watches;
    struct loop_timer timer;
    waits_event_fn *event;
    void *arg;
};

void waits_init(struct waits *w, struct loop *l, waits_event_fn *event, void *arg);
/* 0, or -1 with errno: as epoll, EPERM for a regular file, EBADF, ENOMEM. No events: no more. */
int waits_watch(struct waits *w, int fd, uint32_t events);
void waits_timer(struct waits *w, int64_t after_ns); /* once; negative: cancels */
void waits_clear(struct waits *w);                   /* waits for nothing any more */
