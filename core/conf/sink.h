/* conf/sink.h - a sink: its common keys, and its plugin's file
 *
 * One whose errors are all of the world is refused, and costs nothing else; errors of its text are
 * garnet.yaml's. The plugin is not loaded here: its own options stay in the sink's node for the process that does. A
 * sink with errors still counts for those after it (its name and its files are taken).
 */
#pragma once
#include "conf/identity.h"
#include "conf/secret.h"
#include "conf/section.h"

struct conf;
struct parsing;

enum { COUNTERS_RAW, COUNTERS_RATE, COUNTERS_DELTA };
enum { START_NOW, START_OLDEST };
struct conf_confirm {     /* how what a stream peer has read becomes known, see delivery/outlet.h */
    int64_t every, bytes; /* a connection is confirmed when it is this old, or this much was sent */
    int64_t replay;       /* ns: after an anomaly this much more is sent again */
};
struct conf_sink {
    const char *name;
    const char *plugin;      /* as written */
    const char *plugin_file; /* absolute path of the .so; found through plugin_path, by facts */
    /* "tcp://host:port", "udp://host:port", "unix:///path", "unixgram:///path", "file:///path",
     * "stdout"; may be empty for a plugin that delivers itself */
    struct strings to;
    int64_t flush; /* ns; this and batch_size: unless the plugin has its own, plugin/plugin.h */
    struct conf_confirm confirm;
    int64_t batch_size;            /* bytes */
    int64_t batch_metrics;         /* 0: the plugin's */
    int64_t max_packet;            /* bytes of a datagram; 0 = the transport's own */
    int64_t catch_up_rate;         /* metrics a second of a backlog; 0 = no bound */
    int64_t max_age;               /* ns, for a plugin that is GARNET_UNTIMED; 0 = no bound */
    int64_t warm;                  /* ns, for a plugin that is GARNET_LIVE; 0 = nothing */
    int64_t memory_limit;          /* bytes of its worker's data */
    int64_t start;                 /* START_NOW ... */
    struct strings only, drop;     /* patterns for names, base/glob.h; see sink/feed.h */
    int64_t counters;              /* COUNTERS_RAW ..., if the node has it: see sink/counters.h */
    int64_t counter_window;        /* ns */
    struct conf_identity identity; /* who its worker is */
    int64_t allow_writable;        /* accept a plugin that others can alter */
    const char *own_groups;        /* that may write on its way: for struct trust */
    bool loadable;                 /* by its name and plugin it is, whatever else is wrong */
    bool refused;                  /* for the world: the conf has why, and it is not to be run */
    struct conf_secret *secrets;   /* by its keys NAME_file */
    const struct node *node;       /* the sink's map: the plugin's own options are in here */
    struct pos at;
    uint64_t digest; /* of all that a worker goes by, the .so's identity and secrets included */
    struct conf_sink *next;
};
extern const struct section sink_section; /* the plugin's own keys may have none of its names */

void parse_sinks(struct parsing *p, const struct node *list); /* NULL: there are none */
const struct conf_sink *conf_sink_named(const struct conf *c, const char *name); /* or NULL */
