/* collector.h - a collector in C from its command line to its exit status
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
 * returns 1. So a collector asks once, at its end.
 */
#pragma once
#include "base/why.h"
#include "client.h"

struct client_flag { /* an option of a collector; a table of them ends with a NULL name */
    const char *name;
    bool *given;
    const char **value; /* where the argument behind it goes, borrowed; NULL: it has none */
};

/* Takes the socket's path from the last argument when that begins with `/` and is no option's, else
 * from $GARNET_SOCKET. Any other argument must be a flag (`flags` may be NULL): exits with 2 if not,
 * and with 0 after --help and --version. */
void client_open(struct client *c, int argc, char *const argv[], const char *help,
                 const struct client_flag *flags);

/* What a collector is told to look at: the arguments that are neither options nor the socket, in their order. */
struct client_words {
    const char **v; /* room for argc of them, the caller's; they are borrowed */
    size_t n;
    /* While it is true there is no socket but $GARNET_SOCKET: so the last one may be a path, too. */
    const bool *unsent;
};

/* The same for a collector that takes such arguments. */
void client_open_words(struct client *c, int argc, char *const argv[], const char *help,
                       const struct client_flag *flags, struct client_words *words);

/* Sends everything, waits for the reply and frees. 0: all was accepted. 1: not; stderr says why. */
int client_finish(struct client *c);

/* For who goes on: sends everything, waits for the reply and keeps the connection, or, after an error,
 * makes a new one next time. Nothing waits then, whatever came of it. False: not all was accepted, or
 * that is not known; why has a sentence without an end. */
bool client_exchange(struct client *c, struct why *why);

/* Whether our standard error goes to the log in which garnetd itself says what it rejects: we are a
 * collector's, on its own socket. */
bool client_logged(const struct client *c);
