/* plugin/host.c - the calls that a plugin may make
 *
 * Each first asks plugin/call.h whether it may be made now, and then hands on. A failed allocation
 * sticks in the batch's bytes, where the batch finds it. Nothing here trusts that a plugin keeps its
 * promises, but its pointers.
 */
#include "plugin/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/number.h"

static struct host *host_of(garnet *g)
{
    return (struct host *)((char *)g - offsetof(struct host, g));
}

static struct buf *out_of(garnet *g, const char *call)
{
    struct host *h = host_of(g);

    return call_may(&h->call, PLUGIN_APPENDS, call) ? h->out : NULL;
}

static void host_put(garnet *g, const void *bytes, size_t n)
{
    struct buf *out = out_of(g, "put()");

    if (out != NULL)
        buf_put(out, bytes, n);
}

GARNET_PRINTF(2, 3) static void host_putf(garnet *g, const char *fmt, ...)
{
    struct buf *out = out_of(g, "putf()");
    char *text;
    va_list ap;
    int n;

    if (out == NULL)
        return;
    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        out->failed = true;
        return;
    }
    buf_put(out, text, (size_t)n);
    free(text);
}

static void host_putv(garnet *g, const garnet_metric *m)
{
    struct buf *out = out_of(g, "putv()");

    if (out == NULL)
        return;
    if (m->vtype == GARNET_F64)
        buf_put_f64(out, m->v.f);
    else if (m->vtype == GARNET_U64)
        buf_put_u64(out, m->v.u);
    else
        buf_put_i64(out, m->v.i);
}

static size_t host_tell(garnet *g)
{
    struct buf *out = out_of(g, "tell()");

    return out != NULL ? out->n : 0;
}

static void host_patch(garnet *g, size_t at, const void *bytes, size_t n)
{
    struct buf *out = out_of(g, "patch()");

    if (out == NULL || !buf_ok(out))
        return;
    if (at > out->n || n > out->n - at)
        call_broke(&host_of(g)->call, "it patches bytes that it has not appended");
    else if (n > 0)
        memcpy(out->p + at, bytes, n);
}

GARNET_PRINTF(3, 4) static int host_fail(garnet *g, int answer, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    call_whyv(&host_of(g)->call, fmt, ap);
    va_end(ap);
    return answer;
}

GARNET_PRINTF(3, 4) static void host_bad(garnet *g, const char *option, const char *fmt, ...)
{
    struct host *h = host_of(g);
    const struct node *v = option != NULL ? node_get(h->node, option) : NULL;
    struct pos at = v != NULL ? v->at : h->node->at;
    char text[512];
    va_list ap;

    if (!call_may(&h->call, PLUGIN_BAD, "bad()"))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (option == NULL || plugin_options_have(h->options, option)) {
        errors_add(h->errors, at, "%s: %s", option != NULL ? option : h->def->name, text);
        return;
    }
    call_broke(&h->call, "it calls bad() of an option \"%s\" that it does not have", option);
    errors_add(h->errors, at, "plugin %s calls bad() of an option \"%s\" that it does not have: %s",
               h->def->name, option, text);
}

GARNET_PRINTF(3, 4) static void host_say(garnet *g, int level, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    (void)g;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log_at(level == GARNET_ERROR  ? LOG_L_ERROR
           : level == GARNET_WARN ? LOG_L_WARN
                                  : LOG_L_INFO,
           "%s", text);
}

static void host_reject(garnet *g, uint64_t id, uint32_t index, const char *why)
{
    struct host *h = host_of(g);

    if (call_may(&h->call, PLUGIN_REJECTS, "reject()") && h->pending != NULL)
        pending_reject(h->pending, id, index, why);
}

static void host_confirm(garnet *g, uint64_t id, int answer)
{
    struct host *h = host_of(g);

    if (call_may(&h->call, PLUGIN_CONFIRMS, "confirm()") && h->pending != NULL)
        pending_confirm(h->pending, id, answer);
}

/* Without event() nobody would take what made the descriptor ready, and the loop would turn in circles. */
static bool may_wait(struct host *h, const char *name)
{
    if (!call_may(&h->call, PLUGIN_WAITS, name))
        return false;
    if (h->def->event == NULL)
        call_broke(&h->call, "it calls %s and has no event()", name);
    return h->def->event != NULL;
}

static int host_watch(garnet *g, int fd, uint32_t events)
{
    struct host *h = host_of(g);

    if (!may_wait(h, "watch()")) {
        errno = EPERM;
        return -1;
    }
    return h->waits != NULL ? waits_watch(h->waits, fd, events) : 0;
}

static void host_tick(garnet *g, int64_t after_ns)
{
    struct host *h = host_of(g);

    if (may_wait(h, "tick()") && h->waits != NULL)
        waits_tick(h->waits, after_ns);
}

void host_init(struct host *h, const garnet_plugin *def, const struct plugin_options *options)
{
    *h = (struct host){
        .g = {.size = sizeof h->g, .host = &h->table},
        .table = {.size = sizeof h->table,
                  .abi_minor = GARNET_ABI_MINOR,
                  .put = host_put,
                  .putf = host_putf,
                  .putv = host_putv,
                  .tell = host_tell,
                  .patch = host_patch,
                  .fail = host_fail,
                  .bad = host_bad,
                  .say = host_say,
                  .reject = host_reject,
                  .confirm = host_confirm,
                  .watch = host_watch,
                  .tick = host_tick},
        .def = def,
        .options = options,
    };
}

void host_set_sink(struct host *h, const struct conf_sink *sink, const char *hostname,
                   const void *conf)
{
    h->g.sink = sink->name;
    h->g.hostname = hostname;
    h->g.conf = conf;
    h->node = sink->node;
}

void host_set_errors(struct host *h, struct errors *e)
{
    h->errors = e;
}

void host_set_out(struct host *h, struct buf *out)
{
    h->out = out;
}

void host_set_pending(struct host *h, struct pending *pending)
{
    h->pending = pending;
}

void host_set_waits(struct host *h, struct waits *waits)
{
    h->waits = waits;
}
