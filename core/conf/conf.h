/* conf/conf.h - the types of a configuration: one const struct, for garnetd and its workers
 *
 * conf/parse.h makes one of a snapshot, conf/load.h of a file's name. It owns all that it points to.
 * A struct here is a section's: its row in conf/parse/ says what a field means to the user.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H
#include <sys/types.h>

#include "base/trust.h"
#include "conf/option.h"

/* Of a collector, where neither its `env` nor garnetd has a PATH. */
#define CONF_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The shared socket, where nobody says another. */
#define CONF_SOCKET "/run/garnet/garnet.sock"

enum { COUNTERS_RAW, COUNTERS_RATE, COUNTERS_DELTA };

struct conf_socket {
    const char *path;
    const char *mode_text; /* octal, as written */
    mode_t mode;
    gid_t group; /* (gid_t)-1: leave as it is */
    const char *group_name;
    const char *own_groups; /* that may write on the way to its folder: for struct trust */
};
struct conf_spool {
    const char *dir;
    int64_t max_size;     /* bytes, all segments together */
    int64_t max_age;      /* ns; 0 = no bound */
    int64_t segment_size; /* bytes */
    int64_t durable;      /* 1: acknowledge after fdatasync */
};
struct conf_intake {
    int64_t max_value; /* bytes of one JSON object */
    int64_t max_depth; /* nesting of one object */
    int64_t max_name;  /* bytes */
    int64_t max_tags;
    int64_t max_connections;          /* on the shared socket; on all collectors' */
    int64_t max_connections_per_user; /* on the shared socket; of one collector on its own */
    int64_t idle; /* ns that an unfinished value may take, and an unread reply */
};
enum { START_NOW, START_OLDEST };
struct conf_confirm {     /* how what a stream peer has read becomes known, see delivery/outlet.h */
    int64_t every, bytes; /* a connection is confirmed when it is this old, or this much was sent */
    int64_t replay;       /* ns: after an anomaly this much more is sent again */
};
struct conf_identity {        /* who a collector, or a worker, is; all resolved among the facts */
    const char *user, *group; /* as written, or NULL: garnetd's own */
    uid_t uid;                /* (uid_t)-1: garnetd's own, also where `user` is that one */
    gid_t gid;                /* (gid_t)-1: garnetd's own; set whenever uid is */
    const gid_t *groups;      /* supplementary, of `user`; they are for whenever uid is set */
    size_t ngroups;
    bool known; /* of a collector: it was found out, and garnetd can be that */
};
struct conf_sink {
    const char *name;
    const char *plugin;      /* as written */
    const char *plugin_file; /* absolute path of the .so; found through plugin_path, by facts */
    /* "tcp://host:port", "udp://host:port", "unix:///path", "unixgram:///path", "file:///path",
     * "stdout"; may be empty for a plugin that delivers itself */
    struct strings to;
    int64_t flush; /* ns */
    struct conf_confirm confirm;
    int64_t batch_size;            /* bytes */
    int64_t max_packet;            /* bytes of a datagram; 0 = the transport's own */
    int64_t catch_up_rate;         /* metrics a second of a backlog; 0 = no bound */
    int64_t max_age;               /* ns, for a plugin that is GARNET_UNTIMED; 0 = no bound */
    int64_t memory_limit;          /* bytes of its worker's data */
    int64_t start;                 /* START_NOW ... */
    struct strings only, drop;     /* patterns for names, base/glob.h; see sink/feed.h */
    int64_t counters;              /* COUNTERS_RAW ..., if the node has it: see sink/counters.h */
    int64_t counter_window;        /* ns */
    struct conf_identity identity; /* who its worker is */
    int64_t allow_writable;        /* accept a plugin that others can alter */
    const char *own_groups;        /* that may write on its way: for struct trust */
    const struct node *node;       /* the sink's map: the plugin's own options are in here */
    struct pos at;
    uint64_t digest; /* of all that a worker's behaviour depends on, the .so's identity included */
    struct conf_sink *next;
};
enum { MODE_ONESHOT, MODE_DAEMON };
enum { OVERLAP_SKIP, OVERLAP_KILL };
struct conf_limits { /* -1: not limited here */
    int64_t cpu;     /* ns of CPU time that a run may use */
    int64_t memory;  /* bytes */
    int64_t files;   /* open descriptors */
    int64_t processes;
    int64_t file_size; /* bytes */
};
struct conf_cgroup {           /* where a run gets a control group (v2) of its own */
    const char *dir;           /* the folder to make it in; NULL: nowhere */
    int64_t processes, memory; /* 1: that limit is its; else it is a matter of rlimits */
};
struct conf_collector {
    const char *name; /* file name without .yaml: [A-Za-z0-9_-], 1 to 64 bytes */
    int64_t enabled;
    int64_t mode;           /* MODE_ONESHOT ... */
    struct strings command; /* argv; argv[0] absolute */
    /* ns; timeout defaults to the interval, and is INT64_MAX, none, for a daemon */
    int64_t interval, timeout, grace;
    int64_t overlap; /* OVERLAP_SKIP ... */
    int64_t splay;   /* ns: runs begin up to this much after their slot; 0 = none */
    int64_t silence; /* ns without a metric after which a daemon is restarted; 0 = never */
    struct conf_identity identity;
    const char *cwd;  /* absolute; default "/" */
    struct pairs env; /* added to the allow-listed base */
    int64_t nice;
    struct conf_limits limits;
    struct conf_cgroup cgroup;
    int64_t no_new_privs;
    int64_t allow_writable; /* accept a command that others can alter */
    const char *own_groups; /* that may write on its way: for struct trust */
    const char *prefix;     /* or NULL */
    struct pairs tags;
    int64_t series_limit, metrics_limit; /* distinct series, and metrics, that one run may send */
    int64_t bytes_limit;                 /* bytes that one run may send */
    const struct node *node;             /* the file's map */
    uint64_t digest;                     /* of the above and the command's identity */
    struct conf_collector *next;
};
enum { SELF_BASIC, SELF_FULL };
struct conf_self_metrics { /* Garnet's own metrics */
    int64_t interval;      /* ns; 0 = none */
    int64_t level;         /* SELF_BASIC ... */
};
struct conf {
    struct arena arena; /* owns everything below; the snapshot may be freed */
    struct conf_socket socket;
    struct conf_spool spool;
    struct conf_intake intake;
    const char *host;
    const char *collectors_folder;
    struct strings plugin_path;
    struct pairs tags; /* host among them */
    int64_t shutdown_timeout;
    struct conf_self_metrics self_metrics;
    int64_t log_level;                 /* enum log_level */
    uid_t self;                        /* who garnetd is, if there are sinks */
    const struct node *sinks_node;     /* what they were read from */
    struct conf_sink *sinks;           /* in file order */
    struct conf_collector *collectors; /* sorted by name; disabled ones too */
    const struct fact_want *wanted;    /* facts that the snapshot lacks: conf/facts.h */
};

void conf_free(struct conf *c);
const struct conf_sink *conf_sink_named(const struct conf *c, const char *name); /* or NULL */
/* Whom the path of its command is trusted to, for a look just before it is run. `self` is garnetd's
 * user. */
struct trust conf_collector_trust(const struct conf_collector *k, uid_t self);
/* "DIR/collectors/NAME.sock" beside the shared socket. */
char *conf_collector_socket(struct arena *a, const struct conf *c, const char *name);

#endif
