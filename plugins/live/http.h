/* live/http.h - the page's server: requests, and what each may have
 *
 *   GET /             the page, and its files
 *   GET /api/series   all series (answers.h)
 *   GET /api/points   ?i=3,17: their points
 *   GET /api/events   what changes from now on (streams.h)
 *   POST /login       token=...: sets the cookie; so does GET /?token=...
 *
 * Nothing here blocks: libmicrohttpd works in server_run(), on what its descriptor says is ready.
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

#include "access.h"
#include "status.h"
#include "store.h"
#include "streams.h"

struct server {
    garnet *g;
    struct access access;
    const struct store *store;
    const struct status *status;
    struct streams streams;
    struct MHD_Daemon *daemon;
    uint64_t wrong_tokens; /* since the log last said so */
};

/* Takes the listening socket. False: it could not be started, and the socket is closed; errno says why, if it is known. */
bool server_start(struct server *, int listener);
void server_stop(struct server *);
int server_fd(const struct server *); /* to be watched for reading */
/* Does what can be done now. How many ms until it wants to be called again, or -1: when its descriptor is ready. */
int64_t server_run(struct server *);
