/* plugin/plugin.c - loads a plugin, checks what it says of itself, and calls it
 *
 * The .so is third-party: nothing it says is believed before it is checked, and a wrong one is
 * refused with a sentence that names what was wanted and what was found. Beyond that a plugin may
 * do as it likes with this process, its constructors included; that is why a sink has a process of
 * its own. Only one of it: a child that a plugin forks, and that comes back from the callback, would
 * send everything a second time, and ends there.
 */
#include "plugin/plugin.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"

enum { SIZE_MAX_SANE = 64 << 10 }; /* of what a plugin calls a struct's size */

/* The size that version 1.0 had: what every plugin must have at least. */
static const size_t SIZE_1_0 = offsetof(garnet_plugin, event) + sizeof(((garnet_plugin *)0)->event);

/* How many forks this process is away from the one that first loaded a plugin. */
static unsigned forks;

void plugin_why(struct plugin *p, const char *fmt, ...)
{
    va_list ap;

    if (p->broke) /* that reason stays until plugin_leave() has told it */
        return;
    va_start(ap, fmt);
    (void)vsnprintf(p->why, sizeof p->why, fmt, ap);
    va_end(ap);
}

/* dlopen's reasons begin with the file, and so do ours: not twice. */
static const char *dl_reason(const char *file)
{
    const char *s = dlerror();
    size_t n = strlen(file);

    if (s == NULL)
        return "no reason given";
    return strncmp(s, file, n) == 0 && strncmp(s + n, ": ", 2) == 0 ? s + n + 2 : s;
}

static const garnet_plugin *find_symbol(struct plugin *p, const char *file)
{
    const garnet_plugin *def;

    p->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (p->handle == NULL) {
        const char *why = dl_reason(file);

        plugin_why(p, "cannot load %s: %s%s", file, why,
                   strstr(why, "undefined symbol") != NULL
                       ? ": link with the library that has it (-lNAME)"
                       : "");
        return NULL;
    }
    def = dlsym(p->handle, "garnet_plugin_v1");
    if (def == NULL)
        plugin_why(
            p,
            "%s is not a plugin for this Garnet: wanted the symbol garnet_plugin_v1 (ABI 1.%d), "
            "found none",
            file, GARNET_ABI_MINOR);
    return def;
}

static bool copy_def(struct plugin *p, const char *file, const garnet_plugin *def)
{
    uint32_t size = def->size;

    if (size < SIZE_1_0 || size > SIZE_MAX_SANE) {
        plugin_why(p,
                   "%s is not built with a usable garnet/plugin.h: wanted a garnet_plugin of at "
                   "least %zu bytes (ABI 1.0), found %u",
                   file, SIZE_1_0, size);
        return false;
    }
    memcpy(&p->def, def, size < sizeof p->def ? size : sizeof p->def);
    return true;
}

static bool check_def(struct plugin *p, const char *file)
{
    const garnet_plugin *d = &p->def;
    const char *lacks = d->name == NULL || *d->name == 0         ? "name"
                        : d->version == NULL || *d->version == 0 ? "version"
                        : d->about == NULL || *d->about == 0     ? "about"
                        : d->format == NULL                      ? "format()"
                                                                 : NULL;

    if (lacks != NULL)
        plugin_why(p, "%s has no %s, which every plugin needs", file, lacks);
    else if ((d->vtypes & ~(uint32_t)(GARNET_I64 | GARNET_U64 | GARNET_F64)) != 0)
        plugin_why(p, "%s takes kinds of values (vtypes 0x%x) that ABI 1.%d does not have", file,
                   d->vtypes, GARNET_ABI_MINOR);
    else if ((d->flags &
              ~(uint32_t)(GARNET_IDEMPOTENT | GARNET_UNTIMED | GARNET_LIVE | GARNET_ORDERED)) != 0)
        plugin_why(p, "%s has flags (0x%x) that ABI 1.%d does not have", file, d->flags,
                   GARNET_ABI_MINOR);
    else if (d->counters > GARNET_COUNTERS_DELTA)
        plugin_why(p, "%s has counters = %u, which ABI 1.%d does not have", file, d->counters,
                   GARNET_ABI_MINOR);
    else
        return true;
    return false;
}

static void note_fork(void)
{
    forks++;
}

/* Once a process; without memory for it a child is not found out. */
static void watch_forks(void)
{
    static bool watched;

    if (!watched)
        watched = pthread_atfork(NULL, NULL, note_fork) == 0;
}

static void end_child(const struct plugin *p, enum plugin_callback at)
{
    if (p->forks == forks)
        return;
    log_error("plugin %s has forked in %s, and the child returned: the child ends", p->def.name,
              plugin_callback_name(at));
    _exit(EXIT_WORLD);
}

bool plugin_load(struct plugin *p, const char *file)
{
    const garnet_plugin *def;
    char why[sizeof p->why];

    *p = (struct plugin){0};
    watch_forks();
    plugin_host_init(p);
    def = find_symbol(p, file);
    if (def == NULL || !copy_def(p, file, def) || !check_def(p, file))
        return false;
    if (plugin_rows(p))
        return true;
    memcpy(why, p->why, sizeof why);
    plugin_why(p, "%s: %s", file, why);
    return false;
}

/* --- callbacks --- */

void plugin_enter(struct plugin *p, enum plugin_callback at)
{
    p->at = at;
    p->forks = forks;
    if (!p->broke) /* by a call from where none runs, a thread say */
        p->why[0] = 0;
}

int plugin_leave(struct plugin *p, int answer)
{
    enum plugin_callback at = p->at;

    end_child(p, at);
    p->at = PLUGIN_IDLE;
    if (!plugin_may_answer(at, answer))
        plugin_broke(p, "%s answered %s; it may answer %s", plugin_callback_name(at),
                     plugin_answer_name(answer), plugin_answers(at));
    if (p->broke) {
        p->broke = false;
        return at == PLUGIN_FORMAT ? GARNET_REJECT : GARNET_FATAL;
    }
    if (answer != GARNET_OK && p->why[0] == 0)
        plugin_why(p, "%s gave no reason", plugin_callback_name(at));
    return answer;
}

static void run_check(struct plugin *p, struct errors *e)
{
    unsigned before = e->n;
    int answer;

    p->errors = e;
    plugin_enter(p, PLUGIN_CHECK);
    answer = plugin_leave(p, p->def.check(&p->g));
    p->errors = NULL;
    if (answer != GARNET_OK && e->n == before)
        errors_add(e, p->node->at, "plugin %s refuses these options: %s", p->def.name, p->why);
}

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

static void check_use(const struct plugin *p, const struct conf_sink *sink, struct errors *e)
{
    if ((p->def.flags & GARNET_UNTIMED) == 0)
        no_use(p, sink, "max_age", "sends the time of each metric", e);
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

bool plugin_configure(struct plugin *p, const struct conf_sink *sink, const char *hostname,
                      struct errors *e)
{
    unsigned before = e->n;

    p->node = sink->node;
    p->g.sink = arena_strdup(&p->arena, sink->name);
    p->g.hostname = arena_strdup(&p->arena, hostname);
    check_to(p, sink, e);
    check_use(p, sink, e);
    plugin_fill(p, sink, e);
    if (!arena_ok(&p->arena))
        errors_add(e, sink->at, "there is no memory for the options");
    p->g.conf = p->conf;
    if (e->n == before && p->def.check != NULL)
        run_check(p, e);
    return e->n == before;
}

int plugin_open(struct plugin *p)
{
    int answer = GARNET_OK;

    if (p->def.open != NULL) {
        plugin_enter(p, PLUGIN_OPEN);
        answer = plugin_leave(p, p->def.open(&p->g));
    }
    p->opened = answer == GARNET_OK;
    return answer;
}

void plugin_close(struct plugin *p)
{
    if (p->opened && p->def.close != NULL) {
        plugin_enter(p, PLUGIN_CLOSE);
        p->def.close(&p->g);
        (void)plugin_leave(p, GARNET_OK);
    }
    p->opened = false;
}

void plugin_unload(struct plugin *p)
{
    plugin_close(p);
    if (p->handle != NULL)
        (void)dlclose(p->handle);
    p->handle = NULL;
    arena_free(&p->arena);
}
