/* cli/ask.h - asks a running garnetd over its control socket, and waits for the answer
 *
 * docs/control.md has what is spoken there. It gives up after ASK_WAITS of silence, so that a health check ends.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"

enum {
    ASK_WAITS = 5,
    ASK_WAITS_RELOAD = 90
}; /* seconds; to read a configuration takes a minute at most */

enum ask_result {
    ASK_ANSWERED,
    ASK_NOBODY,   /* no garnetd is there, or it does not answer */
    ASK_NO_RIGHT, /* the caller may not ask */
    ASK_REFUSED,  /* it answers something else: it is of another version, say */
    ASK_ASKED,    /* of ask_begin() and ask_go_on(): the answer has not come yet */
};

struct ask_where { /* filled by ask_where() */
    const char *socket;
    const char *spool; /* its folder; NULL: the configuration cannot be read */
    const char *wrong; /* lines: why the installed one cannot; or NULL */
};

/* Of the socket that was named, or the configuration; both NULL: the installed one, where there is one. False: what is
 * wrong with the configuration is on standard error. */
bool ask_where(struct ask_where *w, struct arena *a, const char *socket, const char *config);
/* ASK_ANSWERED: *answer is the member `what` of the reply, the caller's to decref; else why[] is a sentence. */
enum ask_result ask(const char *socket, const char *what, int seconds, json_t **answer,
                    struct why *why);
/* Likewise, what garnetd remembers of a metric, by name or pattern (docs/control.md: explain). */
enum ask_result ask_metric(const char *socket, const char *metric, int seconds, json_t **answer,
                           struct why *why);

/* The same for who has something else to do meanwhile. */
struct ask_going { /* {.fd = -1}: nothing is asked */
    int fd;        /* becomes readable when there is more of the answer */
    const char *what;
    int64_t until; /* clock_mono() */
    struct buf line;
};
/* Never waits. `what` is borrowed until the end. Where it is not ASK_ASKED all is over: why[]. */
enum ask_result ask_begin(struct ask_going *g, const char *socket, const char *what, int seconds,
                          struct why *why);
/* Takes what has come, and never waits. Likewise; ASK_ANSWERED as ask() has it. */
enum ask_result ask_go_on(struct ask_going *g, json_t **answer, struct why *why);
void ask_end(struct ask_going *g); /* whatever the state */
