/* plugin/plugin.c - loads a plugin, checks what it says of itself, opens and closes it
 *
 * The .so is third-party: nothing it says is believed before it is checked, and a wrong one is
 * refused with a sentence that names what was wanted and what was found. Beyond that a plugin may
 * do as it likes with this process, its constructors included; that is why a sink has a process of
 * its own.
 */
#include "plugin/plugin.h"

#include <dlfcn.h>

#include "base/log.h"
#include "plugin/fill.h"

enum { SIZE_MAX_SANE = 64 << 10 }; /* of what a plugin calls a struct's size */

/* The size that version 1.0 had: what every plugin must have at least. */
static const size_t SIZE_1_0 =
    offsetof(garnet_plugin, stat_size) + sizeof(((garnet_plugin *)0)->stat_size);

/* --- loading --- */

/* dlopen's reasons begin with the file, and so do ours: not twice. */
static const char *dl_reason(const char *file)
{
    const char *s = dlerror();
    size_t n = strlen(file);

    if (s == NULL)
        return "no reason given";
    return strncmp(s, file, n) == 0 && strncmp(s + n, ": ", 2) == 0 ? s + n + 2 : s;
}

static const garnet_plugin *find_symbol(void **handle, const char *file, struct why *why)
{
    const garnet_plugin *def;

    *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (*handle == NULL) {
        const char *reason = dl_reason(file);

        (void)why_set(why, "cannot load %s: %s%s", file, reason,
                      strstr(reason, "undefined symbol") != NULL
                          ? ": link with the library that has it (-lNAME)"
                          : "");
        return NULL;
    }
    def = dlsym(*handle, "garnet_plugin_v1");
    if (def == NULL)
        (void)why_set(why,
                      "%s is not a plugin for this Garnet: wanted the symbol garnet_plugin_v1 (ABI "
                      "1.%d), found none",
                      file, GARNET_ABI_MINOR);
    return def;
}

static bool copy_def(garnet_plugin *to, const char *file, const garnet_plugin *def, struct why *why)
{
    uint32_t size = def->size;

    if (size < SIZE_1_0 || size > SIZE_MAX_SANE)
        return why_set(why,
                       "%s is not built with a usable garnet/plugin.h: wanted a garnet_plugin of "
                       "at least %zu bytes (ABI 1.0), found %u",
                       file, SIZE_1_0, size);
    memcpy(to, def, size < sizeof *to ? size : sizeof *to);
    return true;
}

static bool check_def(const garnet_plugin *d, const char *file, struct why *why)
{
    const char *lacks = d->name == NULL || *d->name == 0         ? "name"
                        : d->version == NULL || *d->version == 0 ? "version"
                        : d->about == NULL || *d->about == 0     ? "about"
                        : d->format == NULL                      ? "format()"
                                                                 : NULL;

    if (lacks != NULL)
        return why_set(why, "%s has no %s, which every plugin needs", file, lacks);
    if ((d->flags & ~(uint32_t)PLUGIN_FLAGS) != 0)
        return why_set(why, "%s has flags (0x%x) that ABI 1.%d does not have", file, d->flags,
                       GARNET_ABI_MINOR);
    if (d->max_pending > PLUGIN_MAX_PENDING)
        return why_set(why, "%s wants %u batches pending (max_pending); this Garnet allows %d",
                       file, d->max_pending, PLUGIN_MAX_PENDING);
    if (d->counters > GARNET_COUNTERS_DELTA)
        return why_set(why, "%s has counters = %u, which ABI 1.%d does not have", file, d->counters,
                       GARNET_ABI_MINOR);
    return true;
}

/* One of a later ABI may name kinds that do not come here, beside those that do. */
static bool take_kinds(struct plugin *p, const char *file, struct why *why)
{
    const garnet_plugin *d = &p->def;
    struct known all = known_to(d->abi_minor), host = known_to(GARNET_ABI_MINOR);

    p->takes = all;
    if (d->vtypes != 0)
        p->takes.vtypes &= d->vtypes;
    p->takes_all = known_same(&p->takes, &host);
    if (p->takes.vtypes != 0 && (d->abi_minor > GARNET_ABI_MINOR || (d->vtypes & ~all.vtypes) == 0))
        return true;
    return why_set(why, "%s takes kinds of values (vtypes 0x%x) that ABI 1.%u does not have", file,
                   d->vtypes, known_minor(d->abi_minor));
}

bool plugin_load(struct plugin *p, const char *file)
{
    struct why *why = &p->host.why;
    const garnet_plugin *def;

    *p = (struct plugin){.batch_metrics = UINT32_MAX};
    host_init(&p->host, &p->def, &p->options);
    p->host.stats = &p->stats;
    def = find_symbol(&p->handle, file, why);
    if (def == NULL || !copy_def(&p->def, file, def, why) || !check_def(&p->def, file, why) ||
        !take_kinds(p, file, why))
        return false;
    return (plugin_options_read(&p->options, &p->arena, &p->def, why) &&
            plugin_stats_read(&p->stats, &p->def, why) &&
            plugin_options_default(&p->arena, "flush", p->def.flush, &p->flush, why) &&
            plugin_options_default(&p->arena, "batch_size", p->def.batch_size, &p->batch_size,
                                   why)) ||
           why_set(why, "%s: %s", file, why->text);
}

const char *plugin_why(const struct plugin *p)
{
    return p->host.why.text;
}

/* --- the sink's options --- */

/* A plugin with deliver() carries the bytes itself; any other needs a transport. */
static void check_to(const struct plugin *p, const struct conf_sink *sink, struct errors *e)
{
    const struct node *to = node_get(sink->node, "to");

    if (p->def.deliver != NULL && to != NULL)
        errors_add(e, to->at, "to: plugin %s delivers by itself: remove this key", p->def.name);
    if (p->def.deliver == NULL && to == NULL)
        errors_add(e, sink->at, "this sink needs \"to\": plugin %s does not deliver by itself",
                   p->def.name);
}

/* A key of every sink that has no effect with this plugin: something is misunderstood. */
static void no_use(const struct plugin *p, const struct conf_sink *sink, const char *key,
                   const char *why, struct errors *e)
{
    const struct node *v = node_get(sink->node, key);

    if (v != NULL)
        errors_add(e, v->at, "%s has no effect: plugin %s %s: remove it", key, p->def.name, why);
}

int64_t plugin_counters(const struct plugin *p, const struct conf_sink *sink)
{
    return node_get(sink->node, "counters") != NULL ? sink->counters : (int64_t)p->def.counters;
}

static void take_batches(struct plugin *p, const struct conf_sink *sink, struct errors *e)
{
    uint32_t most = p->def.batch_metrics > 0 ? p->def.batch_metrics : UINT32_MAX;
    int64_t set = sink->batch_metrics; /* 0: it is not */

    if (p->flush < 0 || node_get(sink->node, "flush") != NULL)
        p->flush = sink->flush;
    if (p->batch_size < 0 || node_get(sink->node, "batch_size") != NULL)
        p->batch_size = sink->batch_size;
    p->batch_metrics = set > 0 && set < most ? (uint32_t)set : most;
    if (set > most)
        errors_add(e, node_get(sink->node, "batch_metrics")->at,
                   "batch_metrics: \"%s\" is more than plugin %s lets into a batch, %u: lower it, "
                   "or remove it",
                   node_get(sink->node, "batch_metrics")->text, p->def.name, most);
}

static void check_use(const struct plugin *p, const struct conf_sink *sink, struct errors *e)
{
    if ((p->def.flags & GARNET_UNTIMED) == 0)
        no_use(p, sink, "max_age", "sends the time of each metric", e);
    if ((p->def.flags & GARNET_LIVE) == 0)
        no_use(p, sink, "warm", "is not one that is asked for the present (GARNET_LIVE)", e);
    if (p->def.deliver == NULL && (p->def.flags & GARNET_IDEMPOTENT) == 0)
        no_use(p, sink, "confirm", "is not idempotent, so nothing is sent again", e);
    if (p->def.deliver != NULL) {
        no_use(p, sink, "confirm", "delivers by itself", e);
        no_use(p, sink, "max_packet", "delivers by itself", e);
    }
    if (plugin_counters(p, sink) == COUNTERS_RAW && node_get(sink->node, "counter_window") != NULL)
        errors_add(e, node_get(sink->node, "counter_window")->at,
                   "counter_window has no effect while counters are sent raw: remove it, or set "
                   "\"counters\" to rate or delta");
}

static void call_check(struct plugin *p, const struct conf_sink *sink, struct errors *e)
{
    struct errors unheard = {0};
    unsigned before = e->n;
    int answer;

    p->host.errors = p->masked ? &unheard : e;
    host_enter(&p->host, PLUGIN_CHECK);
    answer = host_leave(&p->host, p->def.check(&p->host.g));
    p->host.errors = NULL;
    errors_free(&unheard);
    if (answer != GARNET_OK && e->n == before && !p->masked)
        errors_add(e, sink->node->at, "plugin %s refuses these options: %s", p->def.name,
                   plugin_why(p));
}

bool plugin_configure(struct plugin *p, const struct conf_sink *sink, const char *hostname,
                      struct errors *e)
{
    unsigned before = e->n, own;

    check_to(p, sink, e);
    check_use(p, sink, e);
    take_batches(p, sink, e);
    own = e->n;
    p->host.node = sink->node;
    p->host.g.sink = sink->name;
    p->host.g.hostname = hostname;
    p->host.g.conf = plugin_fill(&p->options, &p->arena, sink, e);
    if (!arena_ok(&p->arena))
        errors_add(e, sink->at, "there is no memory for the options");
    if (e->n == own && p->def.check != NULL)
        call_check(p, sink, e);
    return e->n == before;
}

/* --- at work --- */

int plugin_open(struct plugin *p)
{
    int answer = GARNET_OK;

    if (p->def.open != NULL) {
        host_enter(&p->host, PLUGIN_OPEN);
        answer = host_leave(&p->host, p->def.open(&p->host.g));
    }
    p->opened = answer == GARNET_OK;
    if (!p->opened && p->host.waits != NULL)
        waits_clear(
            p->host.waits); /* no close() follows, and event() knows of nothing that is open */
    return answer;
}

int plugin_event(struct plugin *p, int fd, uint32_t events)
{
    host_enter(&p->host, PLUGIN_EVENT);
    return host_leave(&p->host, p->def.event(&p->host.g, fd, events));
}

int plugin_close(struct plugin *p)
{
    int answer = GARNET_OK;

    if (p->opened && p->def.close != NULL) {
        host_enter(&p->host, PLUGIN_CLOSE);
        p->def.close(&p->host.g);
        answer = host_leave(&p->host, GARNET_OK);
    }
    if (answer != GARNET_OK)
        log_warn("the plugin breaks a rule in close(), where nothing comes of it any more: %s",
                 plugin_why(p));
    p->opened = false;
    return answer;
}

void plugin_free(struct plugin *p)
{
    (void)plugin_close(p);
    arena_free(&p->arena);
}

void plugin_unload(struct plugin *p)
{
    plugin_free(p);
    if (p->handle != NULL)
        (void)dlclose(p->handle);
    p->handle = NULL;
}
