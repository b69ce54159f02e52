/* live/access.h - who may read the page: decided from what a request says of itself, and nothing else
 *
 *   Host      a page of another site can reach a loopback address under a name of its own (DNS rebinding), and its
 *             scripts could then read all; so the host that the browser believes to talk to must be one of ours
 *   token     where there is one, in the header Authorization, or in a cookie that the log-in has set
 */
#pragma once
#include <garnet/plugin.h>
#include <stdbool.h>

enum { TOKEN_LEAST = 16, TOKEN_MOST = 256 };

struct access {
    const char *token; /* NULL: none is asked for */
    const char *host;  /* that of `listen` */
    garnet_list hosts; /* more of them */
};

/* NULL, or what is wrong with the token, as the end of a sentence. */
const char *access_token_fault(const char *token);
/* NULL, or likewise of one of `hosts`. */
const char *access_host_fault(const char *host);
/* Whether a request's Host, with or without a port, is one of ours. NULL: it has none. */
bool access_host(const struct access *, const char *host);
/* Whether this is the token, in a time that does not depend on how much of it is right. */
bool access_token(const struct access *, const char *given);
/* Whether a request may read: by its Authorization, or its cookie; each may be NULL. */
bool access_reader(const struct access *, const char *authorization, const char *cookie);
