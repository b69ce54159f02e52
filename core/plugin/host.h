/* plugin/host.h - the host's side of a plugin's functions: what runs, what it may call, what its answer counts
 *
 * Holds a plugin to the table in garnet/plugin.h. Who calls one of its functions does so between
 * host_enter() and host_leave(); one function runs at a time. The reason of the last failure stays
 * in `why` until the next call.
 *
 * None of the calls that the plugin makes meanwhile (garnet_host) can fail towards it. One that is made
 * where it is not allowed, by another thread, or with what makes no sense, breaks a rule. Where there is nobody to hand a
 * call on to (no loop to wait in, no batches in flight) it does nothing. What it says of a batch is only
 * noted: plugin/deliver.h takes the note when the function has returned.
 */
#pragma once
#include "garnet/plugin.h"
#include "plugin/options.h"
#include "plugin/pending.h"
#include "plugin/stats.h"
#include "plugin/waits.h"

enum plugin_callback {
    PLUGIN_IDLE, /* none runs: host code does */
    PLUGIN_CHECK,
    PLUGIN_OPEN,
    PLUGIN_BEGIN,
    PLUGIN_FORMAT,
    PLUGIN_END,
    PLUGIN_DELIVER,
    PLUGIN_EVENT,
    PLUGIN_CLOSE,
};

struct host {
    garnet g; /* what the plugin's functions get */
    garnet_host table;
    const garnet_plugin *def;
    const struct plugin_options *options;
    const struct node *node; /* the sink's */
    enum plugin_callback at;
    unsigned forks;                /* when it was entered */
    bool broke;                    /* a rule, so that its answer does not count */
    _Atomic(const char *) foreign; /* the call that a thread of the plugin's has made; NULL: none */
    struct why why;
    int64_t retry_ns; /* the next RETRY in this call comes no sooner than in so long */
    /* set by whoever has them */
    struct buf *out;                  /* where put() appends */
    struct errors *errors;            /* where bad() reports, while check() runs */
    struct pending *pending;          /* what reject() and confirm() are about, or NULL */
    struct waits *waits;              /* what watch() and timer() go to, or NULL */
    const struct plugin_stats *stats; /* what measure() is about */
};

/* All that is pointed to is the caller's, and lives as long. From now on a child that the plugin forks
 * is found out, if it comes back from a call. */
void host_init(struct host *h, const garnet_plugin *def, const struct plugin_options *options);
void host_enter(struct host *h, enum plugin_callback at);
/* The answer that counts: the plugin's, if it may give that one and broke no rule; else FATAL, or
 * for format(), which is about one metric, REJECT. After anything but OK `why` has the reason. */
int host_leave(struct host *h, int answer);
/* A reason that is no broken rule; the reason of one stays. */
void host_why(struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *host_name(enum plugin_callback at); /* "format()" */
