/* plugin/plugin.h - a loaded plugin: dlopen, ABI check, options, and the host's side of every
 * callback
 *
 * The only part that includes the public header, besides batch. Everything wrong with a .so is told
 * as a sentence before any of its functions is called. Runs in garnet-sink only: a plugin may crash
 * its process.
 */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H
#include "conf/conf.h"
#include "garnet/plugin.h"
#include "plugin/rules.h"

struct plugin {
    void *handle;
    garnet_plugin def; /* the plugin's own, copied up to its size; the rest zero */
    garnet_host host;
    garnet g;            /* what callbacks get */
    struct option *rows; /* def.noptions of them; offsets are into a table of ROW_SLOTs */
    size_t *offsets;     /* where each goes in the plugin's conf struct */
    struct arena arena;  /* options and their strings */
    void *conf;
    enum plugin_callback at;    /* which one runs */
    unsigned forks;             /* when it was called: it is to come back in the same process */
    struct buf *out;            /* where put() appends, in begin(), format() and end() */
    struct errors *errors;      /* where bad() reports, in check() */
    struct deliver *deliver;    /* whom reject() and confirm() tell; NULL: nobody */
    struct plugin_waits *waits; /* what watch() and tick() arm; NULL: nothing ever comes */
    const struct node *node;
    bool opened;
    bool broke;    /* it called the host where it may not: what it answers next does not count */
    char why[256]; /* the plugin's last fail() or the host's own complaint */
};

/* Loads and checks the .so. False and p->why; plugin_unload() either way. */
bool plugin_load(struct plugin *p, const char *file);
/* Options of `sink` by the plugin's rows, then its check(). Errors go to `e`. */
bool plugin_configure(struct plugin *p, const struct conf_sink *sink, const char *hostname,
                      struct errors *e);
/* open(): GARNET_OK, GARNET_RETRY or GARNET_FATAL; other answers become FATAL. */
int plugin_open(struct plugin *p);
/* What the sink asks for, or else what its plugin does by itself (GARNET_COUNTERS_*). */
int64_t plugin_counters(const struct plugin *p, const struct conf_sink *sink);
/* Around each callback: its answer, if it may give that one and has broken no promise, else FATAL;
 * for format(), which is of one metric, REJECT. After anything but OK p->why holds the reason. */
void plugin_enter(struct plugin *p, enum plugin_callback at);
int plugin_leave(struct plugin *p, int answer);
/* For the host's calls: whether the callback that runs may make this one, called `name`. If not,
 * its answer becomes what plugin_leave() says. */
bool plugin_may(struct plugin *p, enum plugin_call call, const char *name);
/* Likewise, for any other promise that it has broken. */
void plugin_broke(struct plugin *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plugin_why(struct plugin *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plugin_close(struct plugin *p);  /* close(), if opened */
void plugin_unload(struct plugin *p); /* that, dlclose, free */

/* The plugin's other two files, for plugin.c. */
void plugin_host_init(struct plugin *p); /* plugin_host.c: fills host and g */
bool plugin_rows(struct plugin *p);      /* plugin_rows.c: checks and converts; why */
bool plugin_has_option(const struct plugin *p, const char *name); /* its own, or every sink's */
void plugin_fill(struct plugin *p, const struct conf_sink *sink, struct errors *e);

#endif
