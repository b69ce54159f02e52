/* live - a page in the browser with everything of the last ten minutes
 *
 * A sink that is asked for the present: deliver() puts the points into a store in memory (store.h), and tells the open
 * pages of them (feed.h); event() serves requests (http.h). It confirms each batch at once, since nothing is to
 * arrive anywhere, and after a restart the host gives it the last ten minutes again.
 * An address that cannot be had is tried again by the host; all else that fails for want of memory costs the metric
 * or the connection at hand, and is counted or ends it.
 */
#include <errno.h>
#include <garnet/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "address.h"
#include "http.h"
#include "line.h"

enum { ROUND_MS = 5000, FULL_FOR_MS = 60 * 1000 };

struct conf {
    const char *listen, *token;
    garnet_list hosts;
    int64_t max_series, max_clients;
};

static const garnet_option options[] = {
    {.type = GARNET_STRING,
     .name = "listen",
     .def = "127.0.0.1:8200",
     .help = "The address and port of the page; one that is not a loopback address needs a token.",
     .offset = GARNET_FIELD_STR(struct conf, listen)},
    {.type = GARNET_STRING,
     .flags = GARNET_SECRET,
     .name = "token",
     .help = "What a reader must know, of 16 characters or more; better in a file (token_file).",
     .offset = GARNET_FIELD_STR(struct conf, token)},
    {.type = GARNET_LIST,
     .name = "hosts",
     .help =
         "Names by which browsers may reach it, besides localhost and the address; needs a token.",
     .offset = GARNET_FIELD_LIST(struct conf, hosts)},
    {.type = GARNET_INT,
     .name = "max_series",
     .def = "10000",
     .min = "1",
     .max = "1000000",
     .help = "How many series it keeps; those beyond are left out, which the page and the log say.",
     .offset = GARNET_FIELD_INT(struct conf, max_series)},
    {.type = GARNET_INT,
     .name = "max_clients",
     .def = "32",
     .min = "1",
     .max = "1000",
     .help = "How many pages may be open at once.",
     .offset = GARNET_FIELD_INT(struct conf, max_clients)},
};

enum { SERIES, PAGES, LEFT_OUT, NOT_NOW, CUT };
static const garnet_stat stats[] = {
    {.type = GARNET_GAUGE, .name = "series", .unit = "", .help = "Series on the page."},
    {.type = GARNET_GAUGE,
     .name = "pages",
     .unit = "",
     .help = "Pages that are open and not hidden."},
    {.type = GARNET_COUNTER,
     .name = "left_out",
     .unit = "",
     .help = "Metrics that are not on the page, since max_series was reached."},
    {.type = GARNET_COUNTER,
     .name = "not_now",
     .unit = "",
     .help =
         "Metrics that are not on the page for their time: older than their series' newest or ten "
         "minutes, or in the future."},
    {.type = GARNET_COUNTER,
     .name = "cut",
     .unit = "",
     .help = "Pages that were cut off, since they did not read as fast as metrics came."},
};

struct state {
    struct address address;
    struct store *store;
    struct server server;
    struct status status, told; /* as it is, and as the open pages know it */
    int64_t round_ms;           /* when the next one is due, by the clock that only goes forward */
    int64_t left_out_ms;        /* when the last metric was left out */
    uint64_t left_out_before;   /* as the present shortage began */
    uint64_t cut;               /* of streams, as measured */
    bool short_of_memory;       /* which is said once */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- options --- */

static int check(garnet *g)
{
    const struct conf *c = g->conf;
    struct address a;
    const char *fault = address_parse(&a, c->listen);
    bool good = fault == NULL;

    if (fault != NULL)
        g->host->bad(g, "listen", "\"%s\" %s", c->listen, fault);
    else if (!address_is_loopback(&a) && c->token == NULL) {
        g->host->bad(
            g, "listen",
            "%s can be reached from other machines, where everybody could read all metrics: "
            "set token_file, or listen on 127.0.0.1",
            c->listen);
        good = false;
    }
    if (c->token != NULL && (fault = access_token_fault(c->token)) != NULL) {
        g->host->bad(g, "token", "it %s", fault);
        good = false;
    }
    if (c->hosts.n > 0 && c->token == NULL) {
        g->host->bad(g, "hosts",
                     "it needs a token: who can make such a name lead here could read all "
                     "through somebody's browser");
        good = false;
    }
    for (size_t i = 0; i < c->hosts.n; i++)
        if ((fault = access_host_fault(c->hosts.v[i].s)) != NULL) {
            g->host->bad(g, "hosts", "\"%s\" %s", c->hosts.v[i].s, fault);
            good = false;
        }
    return good ? GARNET_OK : GARNET_FATAL;
}

/* --- rounds --- */

static void forget(void *arg, const struct series *e)
{
    struct state *s = arg;

    feed_gone(&s->server.streams.feed, e->id);
}

static void tell_status(struct state *s, int64_t now)
{
    struct json j = {0};

    if (s->status.series == s->told.series && s->status.left_out == s->told.left_out &&
        s->status.shortened == s->told.shortened && s->status.full == s->told.full)
        return;
    s->told = s->status;
    json_text(&j, "{\"status\":");
    status_json(&j, &s->status, now);
    json_text(&j, "}");
    feed_event(&s->server.streams.feed, &j);
    json_free(&j);
}

static void measure(garnet *g, struct state *s)
{
    g->host->measure(g, SERIES, (int64_t)s->status.series);
    g->host->measure(g, PAGES, (int64_t)s->server.streams.feed.readers);
    g->host->measure(g, CUT, (int64_t)(s->server.streams.cut - s->cut));
    s->cut = s->server.streams.cut;
}

static void tell_of_full(garnet *g, struct state *s)
{
    s->status.full = false;
    g->host->log(g, GARNET_INFO, "all series are on the page again; %llu metrics were left out",
                 (unsigned long long)(s->status.left_out - s->left_out_before));
    s->left_out_before = s->status.left_out;
}

/* What time alone brings about, and what need not be done for each batch. */
static void round_now(garnet *g, struct state *s)
{
    int64_t mono = clock_ms(CLOCK_MONOTONIC), now = clock_ms(CLOCK_REALTIME);

    s->round_ms = mono + ROUND_MS;
    store_sweep(s->store, now, forget, s);
    s->status.series = store_count(s->store);
    s->status.shortened = store_shortened(s->store);
    if (s->status.full && mono - s->left_out_ms > FULL_FOR_MS)
        tell_of_full(g, s);
    if (s->server.wrong_tokens > 0) {
        g->host->log(g, GARNET_WARN, "%llu requests had a wrong token",
                     (unsigned long long)s->server.wrong_tokens);
        s->server.wrong_tokens = 0;
    }
    tell_status(s, now);
    feed_comment(&s->server.streams.feed);
    measure(g, s);
}

/* Serves what is ready, and has itself called again. */
static void serve(garnet *g)
{
    struct state *s = g->state;
    int64_t again, until;

    if (clock_ms(CLOCK_MONOTONIC) >= s->round_ms)
        round_now(g, s);
    again = server_run(&s->server);
    until = s->round_ms - clock_ms(CLOCK_MONOTONIC);
    if (again < 0 || again > until)
        again = until > 0 ? until : 0;
    g->host->timer(g, again * 1000000);
}

/* --- callbacks --- */

static int give_up(garnet *g, struct state *s, const char *why)
{
    server_stop(&s->server);
    store_free(s->store);
    free(s);
    g->state = NULL;
    return g->host->fail(g, GARNET_RETRY, "%s", why);
}

static int start(garnet *g, struct state *s)
{
    const struct conf *c = g->conf;
    const struct address *a = &s->address;
    unsigned port = 0;
    char why[256];
    int fd;

    (void)address_parse(&s->address, c->listen); /* check() has let it pass */
    if ((fd = address_listen(a, &port)) < 0) {
        (void)snprintf(why, sizeof why, "cannot listen at %s: %s%s", c->listen, strerror(errno),
                       errno == EADDRINUSE ? ": end what serves there, or set another `listen`"
                                           : "");
        return give_up(g, s, why);
    }
    s->server = (struct server){
        .g = g,
        .access = {.token = c->token, .host = a->host, .hosts = c->hosts},
        .store = s->store,
        .status = &s->status,
        .streams = {.most = (size_t)c->max_clients},
    };
    if (!server_start(&s->server, fd))
        return give_up(g, s, "libmicrohttpd could not be started");
    if (g->host->watch(g, server_fd(&s->server), GARNET_READABLE) < 0) {
        (void)snprintf(why, sizeof why, "watch: %s", strerror(errno));
        return give_up(g, s, why);
    }
    g->host->log(g, GARNET_INFO, "the page is at http://%s:%u/", a->host, port);
    return GARNET_OK;
}

static int open_page(garnet *g)
{
    const struct conf *c = g->conf;
    struct state *s = calloc(1, sizeof *s);

    if (s == NULL || (s->store = store_new((size_t)c->max_series)) == NULL) {
        free(s);
        return g->host->fail(g, GARNET_RETRY, "no memory for a table of max_series %lld",
                             (long long)c->max_series);
    }
    s->status =
        (struct status){.sink = g->sink, .host = g->hostname, .max_series = (size_t)c->max_series};
    g->state = s;
    if (start(g, s) != GARNET_OK)
        return GARNET_RETRY;
    serve(g);
    return GARNET_OK;
}

static void close_page(garnet *g)
{
    struct state *s = g->state;

    server_stop(&s->server);
    store_free(s->store);
    free(s);
}

static int format(garnet *g, const garnet_metric *m)
{
    line_put(g, m);
    return GARNET_OK;
}

static void leave_out(garnet *g, struct state *s, bool no_memory)
{
    const struct conf *c = g->conf;

    g->host->measure(g, LEFT_OUT, 1);
    s->status.left_out++;
    s->left_out_ms = clock_ms(CLOCK_MONOTONIC);
    if (no_memory && !s->short_of_memory) {
        s->short_of_memory = true;
        g->host->log(g, GARNET_WARN, "no memory: metrics are left out of the page");
    }
    if (no_memory || s->status.full)
        return;
    s->status.full = true;
    s->round_ms = 0; /* the open pages are told now */
    g->host->log(g, GARNET_WARN,
                 "the page has %lld series, which is max_series: metrics of others are left out. "
                 "Raise it, or "
                 "choose by `only` and `drop`",
                 (long long)c->max_series);
}

static int deliver(garnet *g, const garnet_batch *b)
{
    struct state *s = g->state;
    struct feed *feed = &s->server.streams.feed;
    int64_t now = clock_ms(CLOCK_REALTIME);
    const char *at = b->data;
    size_t left = b->n;
    struct line line;

    while (line_take(&at, &left, &line)) {
        const struct series *e;

        switch (store_take(s->store, &line, now, &e)) {
        case STORE_NEW:
            feed_new(feed, e);
            feed_point(feed, e, line.time_ms, line.value);
            break;
        case STORE_POINT:
            feed_point(feed, e, line.time_ms, line.value);
            break;
        case STORE_NOT_NOW:
            g->host->measure(g, NOT_NOW, 1);
            break;
        case STORE_LEFT_OUT:
            leave_out(g, s, false);
            break;
        case STORE_NO_MEMORY:
            leave_out(g, s, true);
            break;
        }
    }
    feed_flush(feed);
    serve(g);
    return GARNET_OK;
}

static int event(garnet *g, int fd, uint32_t events)
{
    (void)fd, (void)events;
    serve(g);
    return GARNET_OK;
}

GARNET_PLUGIN(.name = "live", .version = "1.0",
              .about = "A page in the browser: everything of the last ten minutes, as it comes.",
              GARNET_OPTIONS(options), .conf_size = sizeof(struct conf),
              .flags = GARNET_IDEMPOTENT | GARNET_LIVE, .lines = 1,
              .counters = GARNET_COUNTERS_RATE, .flush = "200ms", .check = check, .open = open_page,
              .close = close_page, .format = format, .deliver = deliver, .event = event,
              GARNET_STATS(stats));
