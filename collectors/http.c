/* http.c - a URL is taken apart once, by libcurl, so that what is shown and what is asked are the same */
#include "http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/exit.h"

static const char UNIX[] = "unix:";

/* Splits unix:PATH:/PATH; *http is the URL to ask there, from malloc(). */
static int take_socket(struct http_url *u, const char *text, char **http, struct why *why)
{
    char *path = strdup(text + strlen(UNIX)), *colon;
    struct buf b = {0};

    u->socket = path;
    u->shown = strdup(text);
    if (path != NULL && path[0] != '/') {
        (void)why_set(
            why, "unix: needs an absolute path, as in unix:/run/x.sock:/metrics, not %.200s", text);
        return EXIT_USAGE;
    }
    colon = path != NULL ? strstr(path, ":/") : NULL;
    buf_puts(&b, "http://localhost");
    buf_puts(&b, colon != NULL ? colon + 1 : "/metrics");
    buf_putc(&b, 0);
    *http = b.p;
    if (colon != NULL)
        *colon = 0;
    if (path != NULL && u->shown != NULL && buf_ok(&b))
        return 0;
    (void)why_set(why, "out of memory");
    return EXIT_WORLD;
}

/* Without a user and a password; from malloc(). */
static char *show(CURLU *url)
{
    CURLU *without = curl_url_dup(url);
    char *text = NULL, *shown = NULL;

    if (without != NULL && curl_url_set(without, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
        curl_url_set(without, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
        curl_url_get(without, CURLUPART_URL, &text, 0) == CURLUE_OK)
        shown = strdup(text);
    curl_free(text);
    curl_url_cleanup(without);
    return shown;
}

static int take(struct http_url *u, const char *text, char **http, struct why *why)
{
    char *scheme = NULL;
    CURLUcode r;
    int failed;

    if (strncmp(text, UNIX, strlen(UNIX)) == 0 && (failed = take_socket(u, text, http, why)) != 0)
        return failed;
    u->url = curl_url();
    r = u->url == NULL ? CURLUE_OUT_OF_MEMORY
                       : curl_url_set(u->url, CURLUPART_URL, *http != NULL ? *http : text, 0);
    if (r != CURLUE_OK) {
        (void)why_set(why, "%.100s is no URL such as http://localhost:9100/metrics: %s",
                      strchr(text, '@') == NULL ? text : "this" /* or a password would be seen */,
                      curl_url_strerror(r));
        return EXIT_USAGE;
    }
    if (u->shown == NULL)
        u->shown = show(u->url);
    if (u->shown == NULL || curl_url_get(u->url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        (void)why_set(why, "out of memory");
        return EXIT_WORLD;
    }
    failed = 0;
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        (void)why_set(why, "only http, https and unix can be fetched, not %.100s", scheme);
        failed = EXIT_USAGE;
    }
    curl_free(scheme);
    return failed;
}

int http_url_take(struct http_url *u, const char *text, struct why *why)
{
    char *http = NULL;
    int failed;

    *u = (struct http_url){0};
    failed = take(u, text, &http, why);
    free(http);
    if (failed != 0)
        http_url_free(u);
    return failed;
}

void http_url_free(struct http_url *u)
{
    curl_url_cleanup(u->url);
    free(u->shown);
    free(u->socket);
    *u = (struct http_url){0};
}

#define SET(option, value) (ok = ok && curl_easy_setopt(curl, option, value) == CURLE_OK)

bool http_set_up(CURL *curl, const struct http_url *u, const struct http_rules *rules)
{
    bool ok = true, secure = strncasecmp(u->shown, "https:", strlen("https:")) == 0;

    SET(CURLOPT_CURLU, u->url);
    SET(CURLOPT_USERAGENT, "garnet/" GARNET_VERSION);
    SET(CURLOPT_ACCEPT_ENCODING, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_TIMEOUT_MS, (long)(rules->timeout_ns / 1000000));
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(rules->timeout_ns / 1000000));
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)rules->most);
    SET(CURLOPT_FOLLOWLOCATION, rules->follow ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    if (u->socket != NULL)
        SET(CURLOPT_UNIX_SOCKET_PATH, u->socket);
    if (rules->ca != NULL) {
        SET(CURLOPT_CAINFO, rules->ca);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (rules->insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return ok;
}
