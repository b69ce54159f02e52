/* http.h - how Garnet asks others by libcurl: which URLs, by which rules
 *
 * `garnet scrape` and http-check have this in common. A password in a URL is in nobody's log and no tag: `shown` is without
 * it. (ps shows it while they run.)
 */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/why.h"

enum { HTTP_REDIRECTS = 5 };

struct http_url {
    CURLU *url;
    char *shown;
    char *socket; /* NULL: it is none of a Unix socket */
};

struct http_rules {
    const char *ca; /* the file of certificates to trust in place of the system's; NULL: that */
    bool insecure, follow;
    int64_t timeout_ns; /* of all of it, names and redirects included */
    int64_t most; /* bytes of an answer that says how many it has; the others count themselves */
};

/* http, https, or unix:/run/x.sock:/metrics, whose path on the server is /metrics unless it is there. 0, or with why's
 * sentence EXIT_USAGE or EXIT_WORLD. */
int http_url_take(struct http_url *u, const char *text, struct why *why);
void http_url_free(struct http_url *u);
/* Neither by a proxy nor to another kind of server. False: libcurl cannot. */
bool http_set_up(CURL *curl, const struct http_url *u, const struct http_rules *rules);
