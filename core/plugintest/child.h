/* plugintest/child.h - somebody else's code at work: in a child, under limits, and watched
 *
 * Whatever a plugin does, crash, hang, exit or eat memory, ends its child and no more, and what it
 * was doing then is known: the child writes it down first, in a page that both can see.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/why.h"

enum { CHILD_TEXT = 1 << 16 };

struct child {
    int out_fd;             /* what becomes its standard output, set by the owner; -1: ours */
    volatile bool done;     /* fn has returned */
    volatile unsigned step; /* goes up with each child_doing() */
    volatile int patience;  /* seconds that the step at hand may take */
    char doing[400];        /* "format() of a metric with 64 tags" */
    char metric[2048];      /* as JSON, the one that the step at hand is about; or empty */
    size_t said;            /* of what child_say() has put down, for the owner to print */
    char text[CHILD_TEXT];
};

enum { CHILD_CALLS = 3 /* what does no I/O */, CHILD_BLOCKS = 15 /* what may */ };

/* NULL with errno. One for as many runs as you like; child_free() it. */
struct child *child_new(void);
void child_free(struct child *c);
void child_doing(struct child *c, int patience, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts text down where no descriptor is needed: a plugin may have closed them all. What does not
 * fit is left out. */
void child_say(struct child *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void child_sayv(struct child *c, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Runs fn(arg), whose result is 0 to 100, in a child with the standard descriptors of ours, but
 * out_fd. Its result; or -1 and `why`, a clause after "it": how it ended and doing what, or why there is
 * no child. */
int child_run(struct child *c, int (*fn)(void *arg), void *arg, struct why *why);
