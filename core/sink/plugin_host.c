/* sink/plugin_host.c - the calls that a plugin may make
 *
 * None of them can fail towards the plugin. A failed allocation sticks in the batch's bytes; a call
 * made where it is not allowed, or patching bytes that are not there, sets `broke`, and the answer
 * that the plugin is about to give becomes FATAL with the reason. Nothing here trusts that a plugin
 * kept its promises, but its pointers.
 */
#include "sink/plugin.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

static struct plugin *plugin_of(garnet *g)
{
    return (struct plugin *)((char *)g - offsetof(struct plugin, g));
}

/* Only the first broken rule is told: the others follow from it. */
static void broke(struct plugin *p, const char *rule)
{
    plugin_why(p, "%s", rule);
    p->broke = true;
}

static struct buf *out_of(garnet *g)
{
    struct plugin *p = plugin_of(g);

    if (p->out == NULL)
        broke(p, "it appends to a batch outside begin(), format() and end()");
    return p->out;
}

static void host_put(garnet *g, const void *bytes, size_t n)
{
    struct buf *out = out_of(g);

    if (out != NULL)
        buf_put(out, bytes, n);
}

GARNET_PRINTF(2, 3) static void host_putf(garnet *g, const char *fmt, ...)
{
    struct buf *out = out_of(g);
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
    struct buf *out = out_of(g);

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
    struct buf *out = out_of(g);

    return out != NULL ? out->n : 0;
}

static void host_patch(garnet *g, size_t at, const void *bytes, size_t n)
{
    struct buf *out = out_of(g);

    if (out == NULL || !buf_ok(out))
        return;
    if (at > out->n || n > out->n - at)
        broke(plugin_of(g), "it patches bytes that it has not appended");
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

    if (p->errors == NULL) {
        broke(p, "it calls bad() outside check()");
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    errors_add(p->errors, at, "%s: %s", option != NULL ? option : p->def.name, text);
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
    };
    p->g = (garnet){.size = sizeof p->g, .host = &p->host};
}
