/* influx_http.c - InfluxDB's line protocol over HTTP, several requests at once, as a third party would write it
 *
 * A batch is the body of one POST. libcurl's multi interface does the work and never blocks: it says what
 * descriptors and what time it waits for, which go to watch() and timer(), and is told in event() what has
 * happened. deliver() only begins a request and answers PENDING; its status decides what is confirmed:
 *
 *   2xx                    OK: it is stored
 *   400, 413, 422          REJECT: these bytes will never be taken; what the peer says is the reason
 *   all else, or nothing   RETRY, as late as Retry-After asks for: this batch alone waits, all others go on
 *
 * The same point twice is one point to InfluxDB, so the plugin is IDEMPOTENT. Dies of nothing: without memory, or a
 * libcurl that works, it answers RETRY.
 */
#include <curl/curl.h>
#include <garnet/plugin.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { AT_ONCE = 8 };

struct conf {
    const char *url, *token;
    int64_t timeout;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .flags = GARNET_REQUIRED,
     .name = "url",
     .help = "Where to post to, as in http://localhost:8086/write?db=metrics.",
     .offset = GARNET_FIELD_STR(struct conf, url)},
    {.type = GARNET_STRING,
     .flags = GARNET_SECRET,
     .name = "token",
     .help = "The token that the server knows us by.",
     .offset = GARNET_FIELD_STR(struct conf, token)},
    {.type = GARNET_DURATION,
     .name = "timeout",
     .def = "10s",
     .min = "100ms",
     .max = "10m",
     .help = "How long a request may take.",
     .offset = GARNET_FIELD_INT(struct conf, timeout)},
};

enum { REQUESTS, FAILED, IN_FLIGHT };
static const garnet_stat stats[] = {
    {.type = GARNET_COUNTER, .name = "requests", .unit = "Req", .help = "Requests begun."},
    {.type = GARNET_COUNTER,
     .name = "failed",
     .unit = "Req",
     .help = "Requests that are to be made again."},
    {.type = GARNET_GAUGE,
     .name = "in_flight",
     .unit = "Req",
     .help = "Requests not answered yet."},
};

struct request {
    CURL *easy;
    bool busy;
    uint64_t id;    /* of its batch */
    char said[200]; /* the beginning of the answer's body */
    size_t nsaid;
};
struct state {
    CURLM *multi;
    struct curl_slist *headers;
    struct request requests[AT_ONCE];
    int64_t busy;
};

/* --- what libcurl asks for --- */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    garnet *g = arg;
    uint32_t events = what == CURL_POLL_IN      ? GARNET_READABLE
                      : what == CURL_POLL_OUT   ? GARNET_WRITABLE
                      : what == CURL_POLL_INOUT ? GARNET_READABLE | GARNET_WRITABLE
                                                : 0;

    (void)easy, (void)unused;
    return g->host->watch(g, fd, events);
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    garnet *g = arg;

    (void)multi;
    g->host->timer(g, ms < 0 ? -1 : (int64_t)ms * 1000000);
    return 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)arg, (void)purpose;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_body(char *bytes, size_t one, size_t n, void *arg)
{
    struct request *r = arg;
    size_t room = sizeof r->said - 1 - r->nsaid, take = n < room ? n : room;

    (void)one; /* is 1 */
    memcpy(r->said + r->nsaid, bytes, take);
    r->nsaid += take;
    return n;
}

/* --- the end of a request --- */

/* OK, REJECT or RETRY; the reason goes to fail(). */
static int judge(garnet *g, const struct request *r, CURLcode result)
{
    long status = 0;
    curl_off_t after = 0;

    if (result != CURLE_OK)
        return g->host->fail(g, GARNET_RETRY, "%s", curl_easy_strerror(result));
    (void)curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(r->easy, CURLINFO_RETRY_AFTER, &after);
    if (status >= 200 && status < 300)
        return GARNET_OK;
    if (status == 400 || status == 413 || status == 422)
        return g->host->fail(g, GARNET_REJECT, "HTTP %ld: %.*s", status, (int)r->nsaid, r->said);
    if (after > 0) /* more than an hour is an hour to the host */
        g->host->retry_after(g, after < 3600 ? after * 1000000000 : 3600000000000);
    return g->host->fail(g, GARNET_RETRY, "HTTP %ld: %.*s", status, (int)r->nsaid, r->said);
}

static void end_request(garnet *g, struct request *r, CURLcode result)
{
    struct state *s = g->state;
    int answer = judge(g, r, result);

    (void)curl_multi_remove_handle(s->multi, r->easy);
    r->busy = false;
    g->host->measure(g, FAILED, answer == GARNET_RETRY);
    g->host->measure(g, IN_FLIGHT, --s->busy);
    g->host->confirm(g, r->id, answer); /* from here on its bytes are not ours */
}

static int event(garnet *g, int fd, uint32_t events)
{
    struct state *s = g->state;
    int what = ((events & GARNET_READABLE) != 0 ? CURL_CSELECT_IN : 0) |
               ((events & GARNET_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0) |
               ((events & GARNET_HANGUP) != 0 ? CURL_CSELECT_ERR : 0);
    sigset_t all, before;
    CURLMsg *m;
    int n;

    /* It may start a thread, which looks up a name: signals are the host's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    (void)curl_multi_socket_action(s->multi, fd < 0 ? CURL_SOCKET_TIMEOUT : fd, what, &n);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    while ((m = curl_multi_info_read(s->multi, &n)) != NULL) {
        struct request *r = NULL;
        CURLcode result = m->data.result;

        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
        end_request(g, r, result);
    }
    return GARNET_OK;
}

/* There is always one that is not busy: no more than max_pending batches are ours at a time. */
static int deliver(garnet *g, const garnet_batch *b)
{
    struct state *s = g->state;
    struct request *r = s->requests;

    while (r->busy)
        r++;
    r->id = b->id;
    r->nsaid = 0;
    (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, b->data); /* not copied: it stays there */
    (void)curl_easy_setopt(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)b->n);
    if (curl_multi_add_handle(s->multi, r->easy) != CURLM_OK)
        return g->host->fail(g, GARNET_RETRY, "libcurl takes no request");
    r->busy = true;
    g->host->measure(g, REQUESTS, 1);
    g->host->measure(g, IN_FLIGHT, ++s->busy);
    return GARNET_PENDING;
}

/* --- the beginning and the end --- */

static bool add_header(struct state *s, const char *line)
{
    struct curl_slist *more = curl_slist_append(s->headers, line);

    s->headers = more != NULL ? more : s->headers;
    return more != NULL;
}

static bool make_headers(const struct conf *conf, struct state *s)
{
    char line[4096];

    (void)snprintf(line, sizeof line, "Authorization: Token %s",
                   conf->token != NULL ? conf->token : ""); /* check() has seen that it fits */
    return add_header(s, "Content-Type: text/plain; charset=utf-8") && add_header(s, "Expect:") &&
           (conf->token == NULL || add_header(s, line));
}

static bool make_request(garnet *g, struct state *s, struct request *r)
{
    const struct conf *conf = g->conf;
    CURL *c = r->easy = curl_easy_init();

    return c != NULL && curl_easy_setopt(c, CURLOPT_URL, conf->url) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(conf->timeout / 1000000)) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_WRITEDATA, r) == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_PRIVATE, r) == CURLE_OK;
}

static bool make_all(garnet *g, struct state *s)
{
    bool ok = s->multi != NULL && make_headers(g->conf, s) &&
              curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
              curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, g) == CURLM_OK &&
              curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
              curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, g) == CURLM_OK;

    for (int i = 0; i < AT_ONCE; i++)
        ok = ok && make_request(g, s, &s->requests[i]);
    return ok;
}

/* What is still under way comes again: nothing of it was confirmed. libcurl may ask for nothing meanwhile. */
static void free_state(struct state *s)
{
    if (s->multi != NULL) {
        (void)curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, NULL);
        (void)curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, NULL);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        if (s->requests[i].busy)
            (void)curl_multi_remove_handle(s->multi, s->requests[i].easy);
        curl_easy_cleanup(s->requests[i].easy);
    }
    (void)curl_multi_cleanup(s->multi);
    curl_slist_free_all(s->headers);
    free(s);
    curl_global_cleanup();
}

static int open_state(garnet *g)
{
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(s);
        return g->host->fail(g, GARNET_RETRY, "no memory");
    }
    s->multi = curl_multi_init();
    if (!make_all(g, s)) {
        free_state(s);
        return g->host->fail(g, GARNET_RETRY, "libcurl cannot be set up");
    }
    g->state = s;
    return GARNET_OK;
}

static void close_state(garnet *g)
{
    free_state(g->state);
}

static int check(garnet *g)
{
    const struct conf *conf = g->conf;

    if (strncmp(conf->url, "http://", 7) != 0 && strncmp(conf->url, "https://", 8) != 0)
        g->host->bad(g, "url", "\"%s\" must begin with http:// or https://", conf->url);
    if (conf->token != NULL && (strlen(conf->token) > 4000 || strpbrk(conf->token, "\r\n") != NULL))
        g->host->bad(g, "token", "may be 4000 bytes long, in one line");
    return GARNET_OK;
}

/* --- a metric --- */

/* A backslash of the text's own would escape what follows it, and cannot be escaped itself. */
static void put_escaped(garnet *g, garnet_str s, const char *special)
{
    for (size_t i = 0; i < s.n; i++) {
        if (strchr(special, s.s[i]) != NULL)
            g->host->put(g, "\\", 1);
        g->host->put(g, s.s[i] == '\\' ? "_" : &s.s[i], 1);
    }
}

static int format(garnet *g, const garnet_metric *m)
{
    const garnet_host *h = g->host;

    if ((m->prefix.n > 0 ? m->prefix : m->name).s[0] == '#')
        return h->fail(g, GARNET_SKIP, "a line that begins with # is a comment");
    put_escaped(g, m->prefix, ", ");
    if (m->prefix.n > 0)
        h->put(g, ".", 1);
    put_escaped(g, m->name, ", ");
    for (uint32_t i = 0; i < m->ntags; i++) {
        if (m->tags[i].val.n == 0)
            continue;
        h->put(g, ",", 1);
        put_escaped(g, m->tags[i].key, ", =");
        h->put(g, "=", 1);
        put_escaped(g, m->tags[i].val, ", =");
    }
    h->put(g, " value=", 7);
    h->putv(g, m);
    h->putf(g, "%s %lld\n", m->vtype == GARNET_I64 ? "i" : "", (long long)m->time_ns);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "influx_http", .version = "1", .about = "InfluxDB's line protocol over HTTP.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf), .flags = GARNET_IDEMPOTENT,
              .vtypes = GARNET_I64 | GARNET_F64, .lines = 1, .batch_metrics = 5000, .check = check,
              .open = open_state, .close = close_state, .format = format, .deliver = deliver,
              .event = event, .max_pending = AT_ONCE, GARNET_STATS(stats));
