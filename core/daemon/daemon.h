/* daemon/daemon.h - garnetd's own wiring: what exists while it runs, and who owns it
 *
 * One struct, made by daemon_run() and known to the files of this folder only. Everything that
 * happens does so in callbacks of its one loop:
 *
 *   load.c       a child reads and checks the configuration; here come a snapshot or errors
 *   reload.c     old configuration, new configuration: what stays, what changes, what goes
 *   members.c    collectors with their sockets, by name
 *   drains.c    sinks with their workers and cursors, by name
 *   store.c      intake's batches into the spool; syncing, retention
 *   selfmetrics.c  Garnet's own metrics, down the same road
 *   daemon.c     start, signals, the order of the end
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H
#include "base/loop.h"
#include "conf/conf.h"
#include "intake/intake.h"
#include "sched/collector.h"
#include "spool/append.h"
#include "spool/sync.h"
#include "super/super.h"

/* One accepted configuration. Lives as long as anybody uses it: a worker that a reload leaves
 * alone keeps the snapshot it was started with. */
struct generation {
    struct conf *conf;
    int snapshot_fd; /* memfd: what workers read */
    unsigned refs;
};

struct member { /* one collector */
    struct daemon *d;
    struct generation *gen; /* holds one reference for conf */
    const struct conf_collector *conf;
    struct collector *run; /* NULL: disabled, or between two configurations */
    struct source *source; /* NULL while disabled */
    bool leaving;          /* no longer configured: free it when its run is gone */
    struct run_receipt last;
    struct member *next;
};

struct drain { /* one sink */
    struct daemon *d;
    struct generation *gen;
    const struct conf_sink *conf;
    struct worker *worker; /* NULL between two configurations */
    bool leaving;
    struct drain *next;
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
    struct member *members;
    struct drain *drains;
    struct loop_timer housekeeping, self_timer, phase_timer;
    struct loop_hook after;
    enum daemon_phase phase;
    int64_t end_by; /* mono: when workers must be gone */
    int status;     /* exit status */
    bool dirty;     /* written since the last sync request */
    bool spool_ok;  /* the last append worked */
    uint64_t reloads, reload_failures;
};

struct generation *generation_new(struct conf *c,
                                  struct str snapshot); /* takes c; NULL with errno */
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */

/* members.c. Both reconcile what runs with `g`; neither fails as a whole: what cannot be started
 * is logged. */
void members_apply(struct daemon *d, struct generation *g);
void members_stop(struct daemon *d); /* all of them leave; daemon_next() when the last is gone */

/* drains.c */
void drains_apply(struct daemon *d, struct generation *g);
void drains_stop(struct daemon *d,
                 int64_t grace); /* cursors stay; daemon_next() when the last is gone */
void drains_wake(struct daemon *d);
uint64_t drains_needed(struct daemon *d); /* lowest position that a sink still needs */

/* store.c */
intake_commit_fn store_commit;
void store_synced(void *arg, uint64_t seq, int error);
void store_housekeeping(void *arg); /* timer: once a second */

/* selfmetrics.c */
void selfmetrics_start(struct daemon *d);

/* reload.c */
void reload_request(void *arg); /* SIGHUP */
/* What of `next` may not change while running, as a sentence; NULL when nothing of that changed. */
const char *reload_refusal(const struct conf *now, const struct conf *next);
void reload_loaded(void *arg, struct str snapshot, const char *errors);

/* daemon.c */
bool daemon_start(struct daemon *d, struct generation *g); /* everything that is made once */
void daemon_next(struct daemon *d); /* something that the current phase waits for may be done */
int daemon_run(const char *conf_path);

#endif
