/* plugin/host.c - the calls that a plugin may make
 *
 * None of them can fail towards the plugin. A failed allocation sticks in the batch's bytes; a
 * call made where it is not allowed, or patching bytes that are not there, sets `broke`, and the
 * answer that the plugin is about to give does not count any more (plugin_leave()). Nothing here
 * trusts that a plugin kept its promises, but its pointers.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/number.h"
#include "plugin/deliver.h"
#include "plugin/plugin.h"
#include "plugin/waits.h"

static struct plugin *plugin_of(garnet *g)
{
    return (struct plugin *)((char *)g - offsetof(struct plugin, g));
}

/* Only the first broken promise is told: the others follow from it. */
void plugin_broke(struct plugin *p, const char *fmt, ...)
{
    va_list ap;

    if (p->broke)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
    p->broke = true;
}

bool plugin_may(struct plugin *p, enum plugin_call call, const char *name)
{
    if (plugin_may_call(p->at, call))
        return true;
    plugin_broke(p, "it calls %s in %s, where it may not", name, plugin_callback_name(p->at));
    return false;
}

static struct buf *out_of(garnet *g, const char *call)
{
    struct plugin *p = plugin_of(g);

    return plugin_may(p, PLUGIN_APPENDS, call) ? p->out : NULL;
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
        plugin_broke(plugin_of(g), "it patches bytes that it has not appended");
    else if (n > 0)
        memcpy(out->p + at, bytes, n);
}

GARNET_PRINTF(3, 4) static int host_fail(garnet *g, int answer, const char *fmt, ...)
{
    struct plugin *p = plugin_of(g);
    va_list ap;

    if (p->broke)
        return answer;
    va_start(ap, fmt);
    (void)vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
    return answer;
}

GARNET_PRINTF(3, 4) static void host_bad(garnet *g, const char *option, const char *fmt, ...)
{
    struct plugin *p = plugin_of(g);
    const struct node *v = option != NULL ? node_get(p->node, option) : NULL;
    struct pos at = v != NULL ? v->at : p->node->at;
    char text[512];
    va_list ap;

    if (!plugin_may(p, PLUGIN_BAD, "bad()"))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (option == NULL || plugin_has_option(p, option)) {
        errors_add(p->errors, at, "%s: %s", option != NULL ? option : p->def.name, text);
        return;
    }
    plugin_broke(p, "it calls bad() of an option \"%s\" that it does not have", option);
    errors_add(p->errors, at, "plugin %s calls bad() of an option \"%s\" that it does not have: %s",
               p->def.name, option, text);
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
    struct plugin *p = plugin_of(g);

    if (plugin_may(p, PLUGIN_REJECTS, "reject()") && p->deliver != NULL)
        deliver_reject(p->deliver, id, index, why);
}

static void host_confirm(garnet *g, uint64_t id, int answer)
{
    struct plugin *p = plugin_of(g);

    if (plugin_may(p, PLUGIN_CONFIRMS, "confirm()") && p->deliver != NULL)
        deliver_confirm(p->deliver, id, answer);
}

/* Nobody would take what made the descriptor ready, and the worker would turn in circles. */
static bool may_wait(struct plugin *p, const char *name)
{
    if (!plugin_may(p, PLUGIN_WAITS, name))
        return false;
    if (p->def.event == NULL)
        plugin_broke(p, "it calls %s and has no event()", name);
    return p->def.event != NULL;
}

static int host_watch(garnet *g, int fd, uint32_t events)
{
    struct plugin *p = plugin_of(g);

    if (!may_wait(p, "watch()")) {
        errno = EPERM;
        return -1;
    }
    return p->waits != NULL ? plugin_watch(p->waits, fd, events) : 0;
}

static void host_tick(garnet *g, int64_t after_ns)
{
    struct plugin *p = plugin_of(g);

    if (may_wait(p, "tick()") && p->waits != NULL)
        plugin_tick(p->waits, after_ns);
}

void plugin_host_init(struct plugin *p)
{
    p->host = (garnet_host){
        .size = sizeof p->host,
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
        .tick = host_tick,
    };
    p->g = (garnet){.size = sizeof p->g, .host = &p->host};
}
