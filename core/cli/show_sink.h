/* cli/show_sink.h - what a sink would send for metrics, without sending it
 *
 * One metric's way from the spool to the plugin's bytes, as sink/feed has it: `only` and `drop`, `counters`, the plugin.
 * What depends on time is left out: nothing is stale, and batches end where the caller says so, or where they are full.
 * The plugin runs in this process, so the caller decides what it may cost if that crashes or hangs.
 */
#pragma once
#include "base/arena.h"
#include "plugin/batch.h"
#include "plugintest/child.h"
#include "sink/counters.h"

struct show_sink {
    const char *program; /* what a message begins with */
    const struct conf *conf;
    const struct conf_sink *sink;
    struct child *child; /* which this is, or NULL */
    bool each;           /* a metric without bytes is said */
    bool
        mask; /* the plugin gets *** for each secret: so nothing that it makes of one is shown either */
    bool (*bytes)(void *arg, struct str bytes); /* of a batch; false: it cannot be shown */
    void *arg;
    /* its own: */
    bool failed; /* that is said, and nothing more is shown */
    struct plugin plugin;
    struct batch batch;
    struct counters counters;
    struct arena arena;
    struct conf_sink masked; /* what the plugin is configured by */
    struct metric metric;    /* too large for a stack */
};

/* What the plugin prints is not to lie among what it would send: standard output is standard error from now on. The
 * descriptor of what it was; -1 with errno. */
int show_sink_output(void);
/* Above `its own` all is filled in, and below it zero. Keeps the plugin off the network where the kernel grants that.
 * False: that is said. show_sink_close() either way. */
bool show_sink_open(struct show_sink *s);
/* `shown` false: it is only what the next of its series is compared with. */
void show_sink_metric(struct show_sink *s, const struct metric *m, uint64_t seq, bool shown);
void show_sink_flush(struct show_sink *s); /* the batch ends */
void show_sink_close(struct show_sink *s);
