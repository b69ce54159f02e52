/* convert/feed.h - standard input into a stream, as it comes
 *
 * What is there is handed on at once, and nothing is read while whoever gets it takes nothing: there is no other buffer.
 */
#pragma once
#include <signal.h>
#include <stdint.h>

#include "convert/stream.h"

enum feed_news {
    FEED_INPUT,  /* some has come, and was handed on */
    FEED_END,    /* there will be no more */
    FEED_ASKED,  /* by a signal, to come to an end */
    FEED_SILENT, /* nothing came for so long */
    FEED_OTHER,  /* `beside` has something to say */
    FEED_FAILED, /* errno */
};

struct feed {
    struct stream *stream;
    int fd, beside;                     /* beside: -1: nothing */
    int64_t silence;                    /* ns; 0: it is never too long */
    const sigset_t *signals;            /* the mask while it waits; NULL: as it is */
    const volatile sig_atomic_t *asked; /* NULL: nobody asks */
};

/* Waits for one of these. */
enum feed_news feed_next(struct feed *f);
/* What is in the pipe already, for who has been asked to end. */
void feed_rest(struct feed *f);
/* What was written to `fd` by its end: an exit status, or FORMAT_STATUS_KILLED, which it also is when we are asked to end. */
int feed_status(const struct feed *f, int fd);
