/* daemon/daemon.h - garnetd's own wiring: what exists while it runs, and who owns it
 *
 * One struct, made by daemon_run() and known to the files of this folder only. Everything that
 * happens does so in callbacks of its one loop:
 *
 *   load.c       a child reads and checks the configuration; here come a snapshot or errors
 *   reload.c     old configuration, new configuration: what stays, what changes, what goes
 *   collectors.c    collectors with their sockets, by name
 *   sinks.c    sinks with their workers and cursors, by name
 *   store.c      intake's batches into the spool; syncing, retention
 *   orphans.c      what a killed keeper, or a plugin, has left
 *   selfmetrics.c  Garnet's own metrics, down the same road
 *   daemon.c     start, signals, the order of the end
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H
#include "base/loop.h"
#include "collect/collector.h"
#include "conf/conf.h"
#include "intake/intake.h"
#include "spool/append.h"
#include "spool/commit.h"
#include "spool/cursor.h"
#include "spool/sync.h"
#include "supervise/sink_process.h"

/* One accepted configuration. Lives as long as anybody uses it: a worker that a reload leaves
 * alone keeps the snapshot it was started with. */
struct generation {
    struct conf *conf;
    int snapshot_fd; /* memfd: what workers read */
    unsigned refs;
};

struct collector_entry { /* one collector */
    struct daemon *d;
    struct generation *gen; /* holds one reference for conf */
    const struct conf_collector *conf;
    struct collector *run;                 /* NULL: disabled, or between two configurations */
    struct source *source;                 /* NULL while disabled */
    bool leaving;                          /* no longer configured: free it when its run is gone */
    bool waiting;                          /* it cannot be started for now: said */
    struct run_receipt last;               /* of the last run that is over; */
    uint64_t last_accepted, last_rejected; /* and what came of it */
    bool brought_nothing;                  /* it has ended well, and nothing ever came: said */
    struct collector_entry *next;
};

struct sink_entry { /* one sink */
    struct daemon *d;
    struct generation *gen;
    const struct conf_sink *conf;
    struct worker *worker;     /* NULL between two configurations, and once it has ended for good */
    bool removed;              /* no longer configured: forget it when its worker is gone */
    bool begun;                /* it has, or had, a cursor */
    uint64_t begin;            /* where it starts, when it has none */
    struct cursor_state known; /* its cursor, as last seen */
    bool knows;                /* it has been seen */
    bool restore;              /* its file was taken away with the folder: made again from that */
    uint64_t still_at;         /* it has come so far, */
    int64_t still_ns;          /* mono: since then, although there is more; 0: there is not */
    int64_t made_ns; /* wall: when its cursor was made; 0: before we came, or that was told */
    struct sink_entry *next;
};

enum daemon_phase {
    PHASE_LOADING, /* the first configuration is being read     */
    PHASE_RUNNING,
    PHASE_COLLECTORS, /* ending: runs are being ended              */
    PHASE_INTAKE,     /* ending: what was sent is being taken in   */
    PHASE_SINKS,      /* ending: workers deliver                   */
    PHASE_DONE
};

struct daemon {
    struct loop *loop;
    const char *conf_path;
    const char *sink_program; /* garnet-sink */
    struct generation *gen;   /* the one in force; NULL while loading */
    struct load *load;        /* under way, or NULL */
    bool reload_again;        /* SIGHUP came while one was under way */
    struct append *spool;
    struct sync *sync;
    struct intake *intake;
    struct source *shared;
    struct collector_entry *collectors;
    struct sink_entry *sinks;
    struct loop_timer housekeeping, self_timer, phase_timer;
    struct loop_child log_writer;
    struct loop_timer log_again;
    struct loop_timer orphans;
    int64_t orphans_until; /* mono: how long they are looked for */
    struct loop_hook after;
    enum daemon_phase phase;
    int64_t end_by; /* mono: when workers must be gone */
    int status;     /* exit status */
    struct commit commit;
    struct loop_timer hold_again; /* while the spool cannot take what is held in memory */
    uint64_t reloads, reload_failures;
};

struct generation *generation_new(struct conf *c,
                                  struct str snapshot); /* takes c; NULL with errno */
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */

/* collectors.c. Both reconcile what runs with `g`; neither fails as a whole: what cannot be started
 * is logged. */
void collectors_apply(struct daemon *d, struct generation *g);
void collectors_retry(struct daemon *d); /* what could not be started; once a second */
void collectors_stop(struct daemon *d); /* all of them leave; daemon_next() when the last is gone */

void collectors_kill(struct daemon *d); /* their time is up */

/* sinks.c */
void sinks_apply(struct daemon *d, struct generation *g);
void sinks_retry(struct daemon *d);               /* what there was no memory for; once a second */
void sinks_stop(struct daemon *d, int64_t grace); /* daemon_next() as each has ended */
bool sinks_stopped(const struct daemon *d);
void sinks_tell_rest(const struct daemon *d); /* the log's last line: what is left for each */
void sinks_free(struct daemon *d);            /* the cursors stay */
void sinks_wake(struct daemon *d);
void sinks_anew(struct daemon *d);       /* the spool's folder is another one: cursors, workers */
uint64_t sinks_needed(struct daemon *d); /* lowest position that a sink still needs */
int64_t sink_lag(const struct sink_entry *o); /* ns: the age of the oldest metric not yet written */

/* orphans.c */
void orphans_start(void);
void orphans_end(struct daemon *d); /* ends what garnetd has inherited; goes on in the background */
void orphans_soon(struct daemon *d); /* likewise, from the next turn on */

/* store.c */
bool store_open(struct daemon *d, const struct conf_spool *s); /* false: said */
intake_commit_fn store_commit;
void store_housekeeping(struct daemon *d); /* syncing and retention: once a second */
/* Before the intake goes: one more try; then whoever still waits is told no. */
void store_end(struct daemon *d);
void store_sync_last(struct daemon *d);            /* and ends the sync helper: at most a second */
uint64_t store_held_bytes(const struct daemon *d); /* in memory: the spool cannot be written */
uint64_t store_held_metrics(const struct daemon *d);
uint64_t store_refused(const struct daemon *d); /* metrics, for want of a spool and of room, too */

/* selfmetrics.c */
void selfmetrics_begin(struct daemon *d); /* once; then, whenever the interval is another: */
void selfmetrics_start(struct daemon *d);
void selfmetrics_collector(const struct collector_entry *m); /* it has just begun */
void selfmetrics_sinks(struct daemon *d); /* those that have just begun; once a second */
void selfmetrics_run(const struct collector_entry *m); /* of its last run, just over */

/* reload.c */
void reload_request(void *arg); /* SIGHUP */
/* What of `next` may not change while running, as a sentence; NULL when nothing of that changed. */
const char *reload_refusal(const struct conf *now, const struct conf *next);
void reload_loaded(void *arg, struct str snapshot, const char *errors);

/* daemon.c */
struct source_config daemon_shared(const struct conf *c);  /* the shared socket's */
bool daemon_start(struct daemon *d, struct generation *g); /* everything that is made once */
void daemon_next(struct daemon *d); /* something that the current phase waits for may be done */
int daemon_run(const char *conf_path);

#endif
