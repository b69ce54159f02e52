/* plugin/waits.h - what a plugin waits for: its descriptors and its tick, in the worker's loop
 *
 * One event() at a time, from the loop and so never inside another callback. A plugin that closes a
 * descriptor it still watches breaks its promise; the kernel then forgets the descriptor by itself,
 * and nothing is called for it.
 */
#ifndef PLUGIN_WAITS_H
#define PLUGIN_WAITS_H
#include "base/loop.h"
#include "plugin/plugin.h"

struct plugin_waits {
    struct plugin *plugin;
    struct loop *loop;
    struct plugin_watch *watches;
    struct loop_timer tick;
    void (*before)(void *arg);            /* each event() */
    void (*after)(void *arg, int answer); /* each event(): OK or FATAL */
    void *arg;
};

/* From now on p->waits. */
void plugin_waits_init(struct plugin_waits *w, struct plugin *p, struct loop *l,
                       void (*before)(void *arg), void (*after)(void *arg, int answer), void *arg);
int plugin_watch(struct plugin_waits *w, int fd, uint32_t events); /* 0, or -1 with errno */
void plugin_tick(struct plugin_waits *w, int64_t after_ns);        /* negative: cancels */
void plugin_waits_free(struct plugin_waits *w);

#endif
