/* cli/ask.h - asks a running garnetd over its control socket, and waits for the answer
 *
 * docs/control.md has what is spoken there. It gives up after ASK_WAITS of silence, so that a health check ends.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
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
