/* library.c - garnet/client.h: a client that outlives what is wrong with one metric, and one connection
 *
 * A metric that is refused is taken out of what waits, and remembered until the next flush, which answers for
 * it. A connection with anything wrong is closed: the next flush begins a new one. So there is one state between
 * two flushes, connected or not, and nothing is owed.
 *
 * What may have gone wrong with a connection is that garnetd was started anew, or closed it for being silent
 * beside too many others. It does the latter only when nothing has come that it did not answer, so what it
 * says then is of no interest, and looking before each flush is enough.
 */
#include <garnet/client.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "base/why.h"
#include "client.h"
#include "reply.h"

#define SHARED_SOCKET "/run/garnet/garnet.sock" /* garnetd's default, as conf/socket.h has it */

enum { MAX_WAITING = 16 << 20, DEFAULT_MS = 5000 };

struct garnet_client {
    struct client c;
    struct reply reply;
    struct why why;     /* of the last call that went wrong */
    struct why refused; /* the first since the last flush */
    uint64_t nrefused;
    char path[];
};

const char *garnet_client_last_argument(int argc, char *const argv[])
{
    return argc > 1 && argv[argc - 1][0] == '/' ? argv[argc - 1] : NULL;
}

garnet_client *garnet_client_open(const char *path)
{
    garnet_client *g;
    size_t n;

    if (path == NULL || path[0] == 0)
        path = getenv("GARNET_SOCKET");
    if (path == NULL || path[0] == 0)
        path = SHARED_SOCKET;
    n = strlen(path) + 1;
    g = calloc(1, sizeof *g + n);
    if (g == NULL)
        return NULL;
    memcpy(g->path, path, n);
    client_init(&g->c, "", g->path);
    g->c.out.max = MAX_WAITING;
    g->reply.told.faults = g->reply.faults;
    return g;
}

void garnet_client_free(garnet_client *g)
{
    if (g == NULL)
        return;
    client_close(&g->c);
    free(g);
}

void garnet_client_time_limit(garnet_client *g, int milliseconds)
{
    if (g != NULL)
        g->c.timeout_ms = milliseconds > 0 ? milliseconds : DEFAULT_MS;
}

const char *garnet_client_error(const garnet_client *g)
{
    return g != NULL ? g->why.text : "out of memory";
}

const garnet_client_reply *garnet_client_last_reply(const garnet_client *g)
{
    static const garnet_client_reply none;

    return g != NULL ? &g->reply.told : &none;
}

/* --- adding --- */

/* garnetd would say the same of it, but then with a place that nobody can look up. */
static bool is_text(const char *what, const char *key, const char *s, struct why *why)
{
    struct str rest = str_of(s);
    size_t n;

    while ((n = str_utf8(rest)) > 0)
        rest = (struct str){rest.s + n, rest.n - n};
    return rest.n == 0 || why_set(why, "%s%s%s: is not valid UTF-8 at byte %zu", what,
                                  key[0] != 0 ? "." : "", key, (size_t)(rest.s - s) + 1);
}

static bool check_tags(const char *what, const garnet_client_tag *tags, size_t n, struct why *why)
{
    for (size_t i = 0; i < n; i++) {
        if (tags[i].key == NULL || tags[i].val == NULL)
            return why_set(why, "%s: a NULL stands for a key or a value", what);
        if (!is_text(what, "", tags[i].key, why) || !is_text(what, tags[i].key, tags[i].val, why))
            return false;
    }
    return true;
}

static bool check_values(const garnet_client_value *values, size_t n, struct why *why)
{
    if (n == 0)
        return why_set(why, "values: there is none");
    for (size_t i = 0; i < n; i++) {
        if (values[i].key == NULL && n > 1)
            return why_set(why, "values: one of several needs a key");
        if (values[i].key != NULL && !is_text("values", "", values[i].key, why))
            return false;
        if (values[i].kind != GARNET_CLIENT_I64 && values[i].kind != GARNET_CLIENT_U64 &&
            values[i].kind != GARNET_CLIENT_F64)
            return why_set(why, "values: %d is no kind of value", values[i].kind);
    }
    return true;
}

static bool check_metric(const garnet_client_metric *m, struct why *why)
{
    if (m->name == NULL || m->name[0] == 0)
        return why_set(why, "name: is missing: give the metric a name");
    for (size_t i = 0; i < sizeof m->reserved / sizeof *m->reserved; i++)
        if (m->reserved[i] != NULL)
            return why_set(why,
                           "reserved: is not NULL: zero a garnet_client_metric before you fill it");
    return is_text("name", "", m->name, why) &&
           (m->type == NULL || is_text("type", "", m->type, why)) &&
           (m->unit == NULL || is_text("unit", "", m->unit, why)) &&
           check_tags("tags", m->tags, m->ntags, why) && check_tags("meta", m->meta, m->nmeta, why);
}

static void put_value(struct client *c, const garnet_client_value *v)
{
    switch (v->kind) {
    case GARNET_CLIENT_I64:
        client_i64(c, v->key, v->as.i64);
        break;
    case GARNET_CLIENT_U64:
        client_u64(c, v->key, v->as.u64);
        break;
    default:
        client_f64(c, v->key, v->as.f64);
    }
}

static bool put_metric(struct client *c, const garnet_client_metric *m,
                       const garnet_client_value *values, size_t n, struct why *why)
{
    const struct client_series s = {
        .name = m->name,
        .type = m->type,
        .unit = m->unit,
        .tags = m->tags,
        .ntags = m->ntags,
        .meta = m->meta,
        .nmeta = m->nmeta,
        .time = m->time,
    };

    client_begin(c, &s);
    for (size_t i = 0; i < n; i++)
        put_value(c, &values[i]);
    client_end(c);
    if (c->out.failed)
        return why_set(why, "out of memory, or more than 16 MiB would wait: flush more often");
    return c->error[0] == 0 || why_set(why, "%s", c->error);
}

int garnet_client_add(garnet_client *g, const garnet_client_metric *m,
                      const garnet_client_value *values, size_t n)
{
    char name[100];
    size_t before;

    if (g == NULL)
        return GARNET_CLIENT_FAILED;
    before = g->c.out.n;
    if (check_metric(m, &g->why) && check_values(values, n, &g->why) &&
        put_metric(&g->c, m, values, n, &g->why))
        return GARNET_CLIENT_OK;
    g->c.out.n = before; /* what was before it is sound, and so it is again */
    g->c.out.failed = false;
    g->c.error[0] = 0;
    if (m->name != NULL && m->name[0] != 0) {
        str_show(name, sizeof name, str_of(m->name));
        (void)why_set(&g->why, "%s: %s", name, g->why.text);
    }
    if (g->nrefused++ == 0)
        g->refused = g->why;
    return GARNET_CLIENT_REJECTED;
}

/* --- sending --- */

/* "line 3, byte 17, value: must be a number, and 2 more" */
static void tell_fault(struct why *why, const garnet_client_fault *f, uint64_t others)
{
    char place[64] = "", more[40] = "";

    if (f->line > 0)
        (void)snprintf(place, sizeof place, "line %" PRIu64 ", byte %" PRIu64 ", ", f->line,
                       f->byte);
    if (others > 0)
        (void)snprintf(more, sizeof more, ", and %" PRIu64 " more", others);
    (void)why_set(why, "%s%s%s%.300s%s", place, f->field, f->field[0] != 0 ? ": " : "", f->text,
                  more);
}

/* What the client has in `reply`, and why it may have stopped before it was all sent. */
static int judge(garnet_client *g)
{
    struct client *c = &g->c;
    char *end = memchr(c->reply.p, '\n', c->reply.n);
    char start[60];

    str_show(start, sizeof start, (struct str){c->reply.p, c->reply.n});
    if (end != NULL)
        *end = 0;
    if (!reply_read(&g->reply, c->reply.p)) {
        (void)why_set(&g->why, "%s: this is not a reply of garnetd: %s", g->path, start);
        return GARNET_CLIENT_FAILED;
    }
    if (g->reply.told.rejected == 0 && g->reply.told.nfaults > 0) {
        tell_fault(&g->why, g->reply.faults, 0);
        return GARNET_CLIENT_FAILED;
    }
    if (c->cut_short) {
        (void)why_set(&g->why, "%s: closed before it had read everything", g->path);
        if (g->reply.told.nfaults > 0)
            (void)why_set(&g->why, "%s: %.300s", g->why.text, g->reply.faults[0].text);
        return GARNET_CLIENT_FAILED;
    }
    if (g->reply.told.rejected == 0)
        return GARNET_CLIENT_OK;
    if (g->reply.told.nfaults > 0)
        tell_fault(&g->why, g->reply.faults, g->reply.told.rejected - 1);
    else
        (void)why_set(&g->why, "%" PRIu64 " rejected", g->reply.told.rejected);
    return GARNET_CLIENT_REJECTED;
}

/* All that waits, and the reply to it; then nothing waits. */
static int exchange(garnet_client *g, bool end)
{
    static const char ACK[] = "{\"ack\":true}\n";
    struct client *c = &g->c;
    bool sent = client_send(c, c->out.p, c->out.n) && (end || client_send(c, ACK, sizeof ACK - 1));

    buf_reset(&c->out);
    if (c->error[0] == 0 && (end || !sent ? client_reply(c) : client_reply_line(c)))
        return judge(g);
    (void)why_set(&g->why, "%s", c->error);
    return GARNET_CLIENT_FAILED;
}

static int settle(garnet_client *g, bool end)
{
    int answer = GARNET_CLIENT_OK;

    if (g == NULL)
        return GARNET_CLIENT_FAILED;
    g->reply = (struct reply){.told.faults = g->reply.faults};
    buf_reset(&g->c.reply);
    if (client_is_over(&g->c))
        client_disconnect(&g->c);
    if (g->c.out.n > 0)
        answer = exchange(g, end);
    g->reply.told.refused = g->nrefused;
    if (answer == GARNET_CLIENT_OK && g->nrefused > 0) {
        answer = GARNET_CLIENT_REJECTED;
        g->why = g->refused;
    }
    g->nrefused = 0;
    if (end || answer == GARNET_CLIENT_FAILED)
        client_disconnect(&g->c);
    return answer;
}

int garnet_client_flush(garnet_client *g)
{
    return settle(g, false);
}

int garnet_client_finish(garnet_client *g)
{
    return settle(g, true);
}
