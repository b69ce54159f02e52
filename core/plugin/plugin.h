/* plugin/plugin.h - a loaded plugin, from dlopen to dlclose
 *
 * Everything wrong with a .so is found, and put into a sentence, before any of its functions is
 * called. A plugin may crash its process: so it is loaded only where nothing else is lost by that.
 * plugin_why() has the reason for whatever did not go well.
 */
#pragma once
#include "plugin/host.h"
#include "plugin/known.h"

enum { PLUGIN_FLAGS = GARNET_IDEMPOTENT | GARNET_UNTIMED | GARNET_LIVE | GARNET_ORDERED };
enum { PLUGIN_MAX_PENDING = 1024 }; /* batches, at most; each may take a batch_size of memory */

struct plugin {
    void *handle;
    garnet_plugin def; /* the plugin's own, copied up to its size; the rest zero */
    struct plugin_options options;
    struct plugin_stats stats;
    struct arena arena; /* options and their strings */
    struct host host;
    bool opened;
    bool
        masked; /* its secrets are not the true ones, which check() has seen: it has no say about these */
    struct known takes; /* others are skipped; */
    bool takes_all;     /* there are none */
    /* As configured: what the sink asks for, or else what its plugin has by itself. */
    int64_t flush, batch_size; /* ns; bytes */
    uint32_t batch_metrics;    /* UINT32_MAX: no limit */
};

/* Loads and checks the .so. False: plugin_why(); plugin_unload() either way. *p may not be moved. */
bool plugin_load(struct plugin *p, const char *file);
const char *plugin_why(const struct plugin *p);
/* Options of `sink` by the plugin's rows, then its check(). Errors go to `e`. What is passed stays
 * till the end. */
bool plugin_configure(struct plugin *p, const struct conf_sink *sink, const char *hostname,
                      struct errors *e);
/* What the sink asks for, or else what its plugin does by itself (GARNET_COUNTERS_*). */
int64_t plugin_counters(const struct plugin *p, const struct conf_sink *sink);
int plugin_open(struct plugin *p);                           /* OK, RETRY or FATAL */
int plugin_event(struct plugin *p, int fd, uint32_t events); /* OK or FATAL */
int plugin_close(
    struct plugin *p); /* close(), if opened: OK, or FATAL for a broken rule, which is logged */
/* That, and frees. The first leaves the code loaded, for a thread of the plugin's that may be in it. */
void plugin_free(struct plugin *p);
void plugin_unload(struct plugin *p);
