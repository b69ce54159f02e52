/* plugin/host.h - the calls that a plugin may make: garnet_host, and the handle that they come with
 *
 * None of them can fail towards the plugin. One that is made where it is not allowed, or with what
 * makes no sense, breaks a rule (plugin/call.h). Where there is nobody to hand a call on to (no loop
 * to wait in, no batches in flight) it does nothing.
 */
#ifndef PLUGIN_HOST_H
#define PLUGIN_HOST_H
#include "garnet/plugin.h"
#include "plugin/call.h"
#include "plugin/options.h"
#include "plugin/pending.h"
#include "plugin/waits.h"

struct host {
    garnet g; /* what the plugin's functions get */
    garnet_host table;
    struct call call;
    const garnet_plugin *def;
    const struct plugin_options *options;
    struct buf *out;         /* where put() appends */
    const struct node *node; /* the sink's, */
    struct errors *errors;   /* and where bad() reports what is wrong in it, or NULL */
    struct pending *pending; /* what reject() and confirm() are about, or NULL */
    struct waits *waits;     /* what watch() and tick() go to, or NULL */
};

/* All that is pointed to is the caller's, and lives as long. */
void host_init(struct host *h, const garnet_plugin *def, const struct plugin_options *options);
void host_set_sink(struct host *h, const struct conf_sink *sink, const char *hostname,
                   const void *conf);
void host_set_errors(struct host *h, struct errors *e); /* while check() runs */
void host_set_out(struct host *h, struct buf *out);
void host_set_pending(struct host *h, struct pending *pending);
void host_set_waits(struct host *h, struct waits *waits);

#endif
