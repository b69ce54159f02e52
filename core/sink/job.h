/* sink/job.h - a worker's state: made ready, told things, and taken apart; worker.c does the
 * work in between */
#ifndef SINK_JOB_H
#define SINK_JOB_H
#include "base/loop.h"
#include "delivery/outlet.h"
#include "plugin/deliver.h"
#include "plugin/waits.h"
#include "sink/feed.h"
#include "sink/pace.h"

enum { JOB_RUNNING = -1 };

struct job {
    const struct conf_sink *sink;
    const char *spool;        /* its path, for messages */
    struct scoreboard *board; /* shared with garnetd */
    int control, dirfd;
    struct loop *loop;
    struct loop_fd control_watch, wake_watch;
    struct plugin plugin;
    struct batch batch;
    struct quarantine quarantine;
    struct counters counters;
    struct feed feed;
    struct pace pace;
    struct position position;
    struct outlet outlet; /* or, where the plugin delivers by itself: */
    struct deliver deliver;
    struct plugin_waits waits;
    bool by_plugin;
    bool repeatable; /* the plugin is idempotent: what is in doubt may be sent again */
    bool leaving;    /* the batch is closed and on its way */
    size_t sent;     /* bytes of it that are out */
    unsigned marked; /* metrics of it that are out whole, where each has a mark */
    bool look;       /* there may be more in the spool */
    int64_t looked_ns;
    bool finish;     /* asked to: deliver what is there, then end */
    bool seen;       /* and has come to its end: what comes now is for the next worker */
    int64_t down_ns; /* mono: since when there is nowhere to send to, once asked; 0: there is */
    bool gone;       /* garnetd is */
    uint64_t acked;  /* the outlet's, when last looked at */
    int64_t useful_ns;
    uint64_t steps; /* begun, as the scoreboard has it */
    int status;     /* what worker_run() returns, or JOB_RUNNING */
};

/* Loads the plugin, checks its options; plugin_unload() either way. */
bool job_plugin(struct plugin *p, const struct conf *conf, const struct conf_sink *sink,
                struct errors *e);
/* The loop, the signals, the plugin, the cursor, the spool. False: the reason is in the log, and
 * j->status is set unless it was asked to stop meanwhile. May wait for the cursor's lock and for
 * the plugin. */
bool job_ready(struct job *j, const struct conf *conf, const struct conf_sink *sink, int control,
               struct scoreboard *board);
bool job_stopping(const struct job *j);
void job_stop(struct job *j, int status); /* the first status counts */
void job_give_up(struct job *j);          /* the plugin does: p->why */
void job_say(struct job *j, char c);      /* to garnetd */
/* What it is at, for whoever looks at the scoreboard and sees whether that ever comes to its end: a file may
 * be on a disk that does not answer, and then nothing in here runs that could say so. */
void job_step(struct job *j, enum scoreboard_step to);
/* So many metrics are sent again that may have arrived and must not come twice. */
void job_doubt(struct job *j, uint64_t metrics);
void job_free(struct job *j);

#endif
