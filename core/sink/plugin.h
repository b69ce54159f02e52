/* sink/plugin.h - a loaded plugin: dlopen, ABI check, options, and the host's side of every
 * callback
 *
 * The only part that includes the public header, besides batch. Everything wrong with a .so is told
 * as a sentence before any of its functions is called. Runs in garnet-sink only: a plugin may crash
 * its process.
 */
#ifndef SINK_PLUGIN_H
#define SINK_PLUGIN_H
#include "conf/conf.h"
#include "garnet/plugin.h"

struct plugin {
    void *handle;
    garnet_plugin def; /* the plugin's own, copied up to its size; the rest zero */
    garnet_host host;
    garnet g;            /* what callbacks get */
    struct option *rows; /* def.noptions of them; offsets are into a table of ROW_SLOTs */
    size_t *offsets;     /* where each goes in the plugin's conf struct */
    struct arena arena;  /* options and their strings */
    void *conf;
    struct buf *out;       /* where put() appends, during format/begin/end; else NULL */
    struct errors *errors; /* where bad() reports, during check; else NULL */
    const struct node *node;
    bool opened;
    bool broke;    /* it called the host where it may not: its next answer becomes FATAL */
    char why[256]; /* the plugin's last fail() or the host's own complaint */
};

/* Loads and checks the .so. False and p->why; plugin_unload() either way. */
bool plugin_load(struct plugin *p, const char *file);
/* Options of `sink` by the plugin's rows, then its check(). Errors go to `e`. */
bool plugin_configure(struct plugin *p, const struct conf_sink *sink, const char *hostname,
                      struct errors *e);
/* open(): GARNET_OK, GARNET_RETRY or GARNET_FATAL; other answers become FATAL. */
int plugin_open(struct plugin *p);
/* Before a callback: forgets the last reason. */
void plugin_ask(struct plugin *p);
/* What a callback answered, if it is among those `allowed` (bits 1 << answer), else FATAL. After
 * anything but OK p->why holds the reason. */
int plugin_answer(struct plugin *p, const char *callback, int answer, unsigned allowed);
void plugin_why(struct plugin *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void plugin_unload(struct plugin *p); /* close() if opened, dlclose, free */

/* The plugin's other two files, for plugin.c. */
void plugin_host_init(struct plugin *p); /* plugin_host.c: fills host and g */
bool plugin_rows(struct plugin *p);      /* plugin_rows.c: checks and converts; why */
void plugin_fill(struct plugin *p, const struct conf_sink *sink, struct errors *e);

#endif
