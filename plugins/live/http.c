/* live/http.c - libmicrohttpd without a thread of its own
 *
 * Each answer has the headers that keep a page of ours from running, showing or sending anything but itself. What has no memory
 * for its answer is a connection that ends.
 */
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "answers.h"
#include "files.h"

enum {
    CONNECTIONS_BESIDE = 64, /* the streams: of those that ask for files */
    SILENCE_S = 60,
    MEMORY = 24 * 1024, /* of a connection: its request's headers, and their answer's */
    FORM_MOST = 1024,
};
#define COOKIE   "garnet_live"
#define PLAIN    "text/plain; charset=utf-8"
#define JSON     "application/json"
#define HTML     "text/html; charset=utf-8"
#define COOKIE_S "; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"

/* A request from its first line to its end; only a log-in has a body. */
struct request {
    char form[FORM_MOST + 1];
    size_t n;
    bool too_long;
};

struct header {
    const char *name, *value;
};

static const struct header always[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

static enum MHD_Result send_it(struct MHD_Connection *c, unsigned status, const char *type,
                               const char *cache, struct MHD_Response *r)
{
    enum MHD_Result sent = MHD_NO;
    bool good = r != NULL;

    for (size_t i = 0; good && i < sizeof always / sizeof *always; i++)
        good = MHD_add_response_header(r, always[i].name, always[i].value) == MHD_YES;
    good = good && MHD_add_response_header(r, "Content-Type", type) == MHD_YES &&
           MHD_add_response_header(r, "Cache-Control", cache) == MHD_YES;
    if (good)
        sent = MHD_queue_response(c, status, r);
    if (r != NULL)
        MHD_destroy_response(r);
    return sent;
}

static struct MHD_Response *of_text(const char *text)
{
    return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                           MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *text)
{
    return send_it(c, status, PLAIN, "no-store", of_text(text));
}

static const char *header(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the files --- */

static const struct file *find_file(const char *path)
{
    const struct file *f = page_files;

    while (f->path != NULL && strcmp(f->path, path) != 0)
        f++;
    return f->path != NULL ? f : NULL;
}

static enum MHD_Result send_file(struct MHD_Connection *c, const struct file *f, unsigned status)
{
    const char *has = header(c, "If-None-Match");
    bool same = status == MHD_HTTP_OK && has != NULL && strcmp(has, f->etag) == 0;
    struct MHD_Response *r = MHD_create_response_from_buffer(
        same ? 0 : f->n, (void *)(uintptr_t)f->bytes, MHD_RESPMEM_PERSISTENT);

    if (r != NULL)
        (void)MHD_add_response_header(r, "ETag", f->etag);
    return send_it(c, same ? MHD_HTTP_NOT_MODIFIED : status, f->type, "no-cache", r);
}

/* --- the token --- */

static void note_wrong_token(struct server *s)
{
    s->wrong_tokens++;
}

static bool may_read(const struct server *s, struct MHD_Connection *c)
{
    return access_reader(&s->access, header(c, "Authorization"),
                         MHD_lookup_connection_value(c, MHD_COOKIE_KIND, COOKIE));
}

static bool add_cookie(const struct server *s, struct MHD_Response *r)
{
    char cookie[sizeof COOKIE + TOKEN_MOST + sizeof COOKIE_S];

    (void)snprintf(cookie, sizeof cookie, COOKIE "=%s" COOKIE_S, s->access.token);
    return MHD_add_response_header(r, "Set-Cookie", cookie) == MHD_YES;
}

/* A browser that comes from a link elsewhere would not send the cookie along with what it is redirected to, since that is strict
 * about where a request began. So this page goes on by itself, to an address without the token. */
static enum MHD_Result enter(const struct server *s, struct MHD_Connection *c)
{
    struct MHD_Response *r =
        of_text("<!DOCTYPE html><meta charset=utf-8><meta http-equiv=refresh content=\"0;url=/\">"
                "<title>Garnet</title><p><a href=\"/\">On to the page</a>\n");

    if (r != NULL && !add_cookie(s, r)) {
        MHD_destroy_response(r);
        return MHD_NO;
    }
    return send_it(c, MHD_HTTP_OK, HTML, "no-store", r);
}

/* The form's one field, token=...; it may be escaped. Frees nothing: it is unescaped in place. */
static char *form_token(struct request *q)
{
    static const char field[] = "token=";
    char *value = q->form + sizeof field - 1;

    q->form[q->n] = 0;
    if (q->too_long || strncmp(q->form, field, sizeof field - 1) != 0)
        return NULL;
    for (char *p = value; *p != 0; p++)
        if (*p == '+')
            *p = ' ';
    (void)MHD_http_unescape(value);
    return value;
}

static enum MHD_Result log_in(struct server *s, struct MHD_Connection *c, struct request *q)
{
    const char *given = form_token(q);
    bool good = s->access.token == NULL || (given != NULL && access_token(&s->access, given));
    struct MHD_Response *r;

    if (!good) {
        note_wrong_token(s);
        return send_file(c, find_file("/login-wrong.html"), MHD_HTTP_UNAUTHORIZED);
    }
    r = of_text("");
    if (r != NULL && (MHD_add_response_header(r, "Location", "/") != MHD_YES ||
                      (s->access.token != NULL && !add_cookie(s, r)))) {
        MHD_destroy_response(r);
        return MHD_NO;
    }
    return send_it(c, MHD_HTTP_SEE_OTHER, PLAIN, "no-store", r);
}

/* Whoever has not shown the token gets the form, and how that looks. */
static enum MHD_Result ask_for_token(struct server *s, struct MHD_Connection *c, const char *path)
{
    const char *given = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "token");

    if (strcmp(path, "/") != 0) {
        if (strcmp(path, "/style.css") == 0 || strcmp(path, "/icon.svg") == 0)
            return send_file(c, find_file(path), MHD_HTTP_OK);
        if (header(c, "Authorization") != NULL)
            note_wrong_token(s);
        return refuse(
            c, MHD_HTTP_UNAUTHORIZED,
            "A token is needed: log in at /, or send it as Authorization: Bearer TOKEN.\n");
    }
    if (given != NULL && access_token(&s->access, given))
        return enter(s, c);
    if (given != NULL)
        note_wrong_token(s);
    return send_file(c, find_file(given != NULL ? "/login-wrong.html" : "/login.html"),
                     MHD_HTTP_UNAUTHORIZED);
}

/* --- the answers --- */

static enum MHD_Result send_events(struct server *s, struct MHD_Connection *c)
{
    struct json hello = {0};
    struct MHD_Response *r;

    if (streams_full(&s->streams))
        return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE,
                      "As many pages are open as max_clients allows.\n");
    json_text(&hello, "{\"hello\":");
    status_json(&hello, s->status, now_ms());
    json_text(&hello, "}");
    r = hello.failed ? NULL : streams_open(&s->streams, c, &hello);
    json_free(&hello);
    return send_it(c, MHD_HTTP_OK, "text/event-stream", "no-store", r);
}

static enum MHD_Result send_path(struct server *s, struct MHD_Connection *c, const char *path)
{
    const char *ids = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "i");
    const struct file *f;

    if (strcmp(path, "/api/events") == 0)
        return send_events(s, c);
    if (strcmp(path, "/api/series") == 0)
        return send_it(c, MHD_HTTP_OK, JSON, "no-store", answer_catalog(s->store, now_ms()));
    if (strcmp(path, "/api/points") == 0)
        return send_it(c, MHD_HTTP_OK, JSON, "no-store",
                       answer_points(s->store, ids != NULL ? ids : ""));
    if (strcmp(path, "/") == 0 && s->access.token != NULL &&
        MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "token") != NULL)
        return enter(s, c);
    f = find_file(strcmp(path, "/") == 0 ? "/index.html" : path);
    return f != NULL ? send_file(c, f, MHD_HTTP_OK)
                     : refuse(c, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
}

static enum MHD_Result count_host(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    size_t *n = cls;

    (void)kind, (void)value;
    *n += strcasecmp(key, "Host") == 0;
    return MHD_YES;
}

static enum MHD_Result answer(struct server *s, struct MHD_Connection *c, const char *path,
                              const char *method, struct request *q)
{
    const char *from = header(c, "Sec-Fetch-Site");
    size_t hosts = 0;

    (void)MHD_get_connection_values(c, MHD_HEADER_KIND, count_host, &hosts);
    if (hosts != 1 || !access_host(&s->access, header(c, "Host")))
        return refuse(
            c, MHD_HTTP_MISDIRECTED_REQUEST,
            "This is not a host that the page is served under. If it should be, name it in the "
            "sink's option `hosts`, which needs a token.\n");
    if (strncmp(path, "/api/", 5) == 0 && from != NULL && strcmp(from, "cross-site") == 0)
        return refuse(c, MHD_HTTP_FORBIDDEN, "Another site's page may not ask for this.\n");
    if (strcmp(method, "POST") == 0 && strcmp(path, "/login") == 0)
        return log_in(s, c, q);
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET is answered here.\n");
    if (!may_read(s, c))
        return ask_for_token(s, c, path);
    return send_path(s, c, path);
}

/* --- libmicrohttpd --- */

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *body,
                                  size_t *n, void **own)
{
    struct request *q = *own;
    size_t part;

    (void)version;
    if (q == NULL) {
        *own = calloc(1, sizeof *q);
        return *own != NULL ? MHD_YES : MHD_NO;
    }
    if (*n == 0)
        return answer(cls, c, path, method, q);
    part = *n < FORM_MOST - q->n ? *n : FORM_MOST - q->n;
    q->too_long |= part < *n;
    memcpy(q->form + q->n, body, part);
    q->n += part;
    *n = 0;
    return MHD_YES;
}

static void on_end(void *cls, struct MHD_Connection *c, void **own,
                   enum MHD_RequestTerminationCode how)
{
    (void)cls, (void)c, (void)how;
    free(*own);
    *own = NULL;
}

/* What clients do wrong is no concern of the log's. */
static void ignore(void *cls, const char *format, va_list rest)
{
    (void)cls, (void)format, (void)rest;
}

bool server_start(struct server *s, int listener)
{
    errno = 0;
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, s,
        MHD_OPTION_EXTERNAL_LOGGER, ignore, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->streams.most + CONNECTIONS_BESIDE),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
        MHD_OPTION_END);
    if (s->daemon != NULL)
        return true;
    (void)close(listener);
    return false;
}

void server_stop(struct server *s)
{
    if (s->daemon == NULL)
        return;
    streams_wake(&s->streams, true);
    MHD_stop_daemon(s->daemon); /* which closes the listener, and frees all streams */
    s->daemon = NULL;
    feed_free(&s->streams.feed);
}

int server_fd(const struct server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int64_t server_run(struct server *s)
{
    MHD_UNSIGNED_LONG_LONG ms;

    streams_wake(&s->streams, false);
    (void)MHD_run(s->daemon);
    return MHD_get_timeout(s->daemon, &ms) == MHD_YES ? (int64_t)ms : -1;
}
