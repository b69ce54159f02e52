/* client.h - metrics as JSON, over one connection to garnetd
 *
 * What the installed library (library.c), the collectors (collector.h) and `garnet emit` share. Errors
 * stick: after the first one every call does nothing until client_disconnect().
 *
 * Nothing waits for longer than timeout_ms without progress, nor for a reply for longer than that in
 * all, unless its owner wants it to.
 */
#pragma once
#include <garnet/client.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct client {
    const char *program; /* begins every message; borrowed */
    const char *path;    /* of the socket; borrowed */
    int timeout_ms;      /* client_init() sets 5000 */
    int fd;              /* -1: not connected */
    bool in_values;      /* between client_begin() and client_end(), after the first key */
    bool cut_short;      /* the other side hung up before it had everything */
    /* For who has others wait for it, set after client_init(): as long as this is there and 0, there is
     * no limit of time but for connecting; and the signals' mask while it waits, NULL: as it is.
     * Borrowed. */
    const volatile sig_atomic_t *hurry;
    const sigset_t *waiting;
    struct buf out;   /* out.p[out.n] == 0 after client_end() */
    struct buf reply; /* likewise, once anything of it is there */
    char error[256];  /* the first error; "" = none */
};

struct client_series {
    const char *name;
    const char *type, *unit; /* NULL: left out */
    const garnet_client_tag *tags;
    size_t ntags;
    const garnet_client_tag *meta;
    size_t nmeta;
    double time; /* Unix seconds; 0: left out */
};

void client_init(struct client *c, const char *program, const char *path);
void client_fail(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void client_close(struct client *c);

/* --- into `out`: one JSON object, on a line of its own --- */

/* With keys it holds several metrics, NAME.KEY each; with a single NULL key the one metric NAME. */
void client_begin(struct client *c, const struct client_series *s);
void client_i64(struct client *c, const char *key, int64_t v);
void client_u64(struct client *c, const char *key, uint64_t v);
void client_f64(struct client *c, const char *key, double v); /* not finite: an error */
void client_end(struct client *c);

/* --- over the connection --- */

/* Connects on first use. False: see error, or, when that is empty, cut_short: client_reply() may
 * know why. */
bool client_send(struct client *c, const char *p, size_t n);
/* Ends the stream and reads to the end of what the other side says into reply. False: see error. */
bool client_reply(struct client *c);
/* Reads into reply until a line is there, and leaves the stream as it is. False: see error. */
bool client_reply_line(struct client *c);
/* Whether the other side has hung up, or said something unasked, which it does before it hangs up. */
bool client_is_over(const struct client *c);
/* Closes; the reply and the error are forgotten, `out` stays. */
void client_disconnect(struct client *c);
