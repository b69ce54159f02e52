/* conf/collector.h - a collector's file: its keys, and what is made of them
 *
 * The collector's name is the file's. A file with errors costs that collector alone.
 */
#pragma once
#include "base/trust.h"
#include "conf/identity.h"
#include "conf/output.h"
#include "conf/section.h"

/* Of a collector, where neither its `env` nor garnetd has a PATH. */
#define CONF_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct parsing;
struct snapshot_file;

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
struct conf_quota { /* what one run may send; 0: no limit, which only the shared socket has */
    int64_t series_limit, metrics_limit; /* distinct series, and metrics */
    int64_t bytes_limit;
};
enum { COLLECTOR_NAME_MAX = 64 }; /* bytes */

struct conf_collector {
    const char *name; /* file name without .yaml: [A-Za-z0-9_-] */
    int64_t enabled;
    int64_t mode;           /* MODE_ONESHOT ... */
    struct strings command; /* argv; argv[0] absolute */
    /* ns; timeout defaults to the interval, and is INT64_MAX, none, for a daemon */
    int64_t interval, timeout, grace;
    int64_t output;     /* OUTPUT_LOG ... (conf/output.h) */
    int64_t overlap;    /* OVERLAP_SKIP ... */
    int64_t splay;      /* ns: runs begin up to this much after their slot; 0 = none */
    int64_t persistent; /* what was missed before the start is run then */
    int64_t silence;    /* ns without a metric after which a daemon is restarted; 0 = never */
    struct conf_identity identity;
    const char *cwd;  /* absolute; default "/" */
    struct pairs env; /* added to the allow-listed base */
    int64_t nice;
    struct conf_limits limits;
    struct conf_cgroup cgroup;
    int64_t no_new_privs;
    int64_t allow_writable; /* accept a command that others can alter */
    const char *own_groups; /* that may write on its way: for struct trust */
    const char *socket;     /* its own: conf_collector_socket() */
    const char *prefix;     /* or NULL */
    const char *host;       /* the main file's */
    struct pairs tags;
    struct conf_quota quota;
    bool kept;               /* from what its file said before: what it says now has errors */
    const struct node *node; /* the file's map */
    uint64_t digest;         /* of the above and the command's identity */
    struct conf_collector *next;
};
extern const struct section collector_section;

/* Not among the conf's yet, and usable only without errors. NULL: the file is none of a collector's, or
 * there was no memory. */
struct conf_collector *parse_collector(struct parsing *p, const struct snapshot_file *f);
/* Reports empty keys or values and too many of them; also for the main file's. */
void parse_check_tags(struct parsing *p, const struct pairs *tags);
/* Whether each limit on processes will hold when k comes to the conf's collectors. */
void parse_check_processes(struct parsing *p, const struct conf_collector *k);
/* Whom the path of its command is trusted to, for a look just before it is run. `self` is garnetd's
 * user. */
struct trust conf_collector_trust(const struct conf_collector *k, uid_t self);
