/* client.h - what the collectors in C share: build metrics, send them, read the reply
 *
 *     struct client c;
 *
 *     client_open(&c, argc, argv, "usage: queue [SOCKET]\n", NULL);
 *     client_begin(&c, &(struct client_series){.name = "queue", .unit = "B"});
 *     client_u64(&c, "size", 42);
 *     client_end(&c);
 *     return client_finish(&c);
 *
 * Errors stick: after the first one every call does nothing, and client_finish() prints it and
 * returns 1. So a collector asks once, at its end. Nothing waits for longer than 5 s without
 * progress, unless its owner wants it to. It needs only libc, and of Garnet only docs/protocol.md.
 */
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_bytes {
    char *p; /* p[n] == 0 once anything was put */
    size_t n, cap;
};

struct client {
    const char *program; /* begins every message; borrowed */
    const char *path;    /* of the socket; borrowed */
    int fd;              /* -1: not connected */
    bool in_values;      /* between client_begin() and client_end(), after the first key */
    bool cut_short;      /* the other side hung up before it had everything */
    /* For who has others wait for it, set after client_init(): as long as this is there and 0, there is no limit of time
     * but for connecting; and the signals' mask while it waits, NULL: as it is. Borrowed. */
    const volatile sig_atomic_t *hurry;
    const sigset_t *waiting;
    struct client_bytes out, reply;
    char error[256]; /* the first error; "" = none */
};

struct client_flag { /* an option of a collector; a table of them ends with a NULL name */
    const char *name;
    bool *given;
};

struct client_tag {
    const char *key, *val;
};

struct client_series {
    const char *name;
    const char *type, *unit; /* NULL: left out */
    const struct client_tag *tags;
    size_t ntags;
};

/* --- a collector's whole life --- */

/* Takes the socket's path from the last argument when that begins with `/`, else from
 * $GARNET_SOCKET. Any other argument must be a flag (`flags` may be NULL): exits with 2 if not,
 * and with 0 after --help and --version. */
void client_open(struct client *c, int argc, char *const argv[], const char *help,
                 const struct client_flag *flags);

/* One JSON object, on a line of its own. With keys it holds several metrics, NAME.KEY each; with
 * a single NULL key the one metric NAME. */
void client_begin(struct client *c, const struct client_series *s);
void client_i64(struct client *c, const char *key, int64_t v);
void client_u64(struct client *c, const char *key, uint64_t v);
void client_f64(struct client *c, const char *key, double v); /* not finite: an error */
void client_end(struct client *c);

void client_fail(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sends everything, waits for the reply and frees. 0: all was accepted. 1: not; stderr says why. */
int client_finish(struct client *c);

/* --- its steps, for a program that sends bytes of its own --- */

void client_init(struct client *c, const char *program, const char *path);
/* Connects on first use. False: see error, or, when that is empty, cut_short: client_reply() may
 * know why. */
bool client_send(struct client *c, const char *p, size_t n);
/* Ends the stream and reads to the end of what the other side says into reply. False: see error. */
bool client_reply(struct client *c);
/* Whether our standard error goes to the log in which garnetd itself says what it rejects: we are a
 * collector's, on its own socket. */
bool client_logged(const struct client *c);
void client_close(struct client *c);
