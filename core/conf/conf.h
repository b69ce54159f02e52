/* conf/conf.h - a configuration: one const struct for garnetd and its workers, made of a snapshot
 *
 * The struct is that of the main file, garnet.yaml; it has the sinks and the collectors, which have
 * units of their own. It owns all that it points to. conf/load.h makes one of a file's name.
 */
#pragma once
#include "conf/collector.h"
#include "conf/judge.h"
#include "conf/sink.h"
#include "conf/socket.h"

struct snapshot;

struct conf_spool {
    const char *dir;
    int64_t max_size;     /* bytes, all segments together */
    int64_t max_age;      /* ns; 0 = no bound */
    int64_t segment_size; /* bytes */
    int64_t reserve;      /* bytes, of max_size; 0 = none */
    int64_t durable;      /* 1: acknowledge after fdatasync */
    int64_t keep_removed; /* ns that the cursor of a removed sink is set aside */
};
struct conf_per_user {      /* on the shared socket; 0: no limit */
    int64_t metrics, bytes; /* a second */
    int64_t series;         /* an hour */
};
struct conf_intake {
    int64_t max_value; /* bytes of one JSON object */
    int64_t max_depth; /* nesting of one object */
    int64_t max_name;  /* bytes */
    int64_t max_tags;
    int64_t max_connections;          /* on the shared socket; on all collectors' */
    int64_t max_connections_per_user; /* on the shared socket; of one collector on its own */
    struct conf_per_user per_user;
    int64_t idle; /* ns that an unfinished value may take, and an unread reply */
};
enum { SELF_BASIC, SELF_FULL };
struct conf_self_metrics { /* Garnet's own metrics */
    int64_t interval;      /* ns; 0 = none */
    int64_t level;         /* SELF_BASIC ... */
};
struct conf {
    struct arena arena; /* owns everything below; the snapshot may be freed */
    struct conf_socket socket;
    struct conf_control control;
    struct conf_spool spool;
    struct conf_intake intake;
    const char *host;
    const char *collectors_folder;
    bool folder_written; /* in the file; else it is the default, and may be missing */
    const char *scripts_folder;
    bool scripts_written, scripts_there; /* likewise; it is there */
    struct strings plugin_path;
    struct pairs tags; /* host among them */
    int64_t shutdown_timeout, reload_grace;
    struct conf_self_metrics self_metrics;
    int64_t log_level;                    /* enum log_level */
    uid_t self;                           /* who garnetd is, if there are sinks */
    const struct node *root, *sinks_node; /* what all was read from, and they */
    struct conf_sink *sinks;              /* in file order */
    struct conf_collector *collectors;    /* sorted by name; disabled ones too */
    struct conf_refused *refused;         /* of its files; in the snapshot's order */
    const struct fact_want *wanted;       /* facts that the snapshot lacks: conf/facts.h */
};
extern const struct section main_section;

/* A pure function: it does no I/O and asks nobody. What it must know of the world it finds among the
 * snapshot's facts, and what is missing there it lists in `wanted`; conf/ask.h finds those out (it
 * waits) and parsing starts again. Everything is read, checked and reported in one go; one broken
 * part never hides the others' errors.
 * A collector's file with errors is refused, and costs nothing else; what it said before is used if the
 * snapshot has that, and it is good. Where two files clash, that is the one that comes later in the
 * snapshot.
 * NULL when out of memory; else a conf that is usable unless errors_fatal(e), or something is wanted. */
struct conf *conf_parse(const struct snapshot *s, struct errors *e);
/* Likewise, where what is wrong is known, or is found again. */
struct conf *conf_parse_known(const struct snapshot *s);
void conf_free(struct conf *c);
