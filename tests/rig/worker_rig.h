/* tests/rig/worker_rig.h - a worker process over a real spool: garnetd's side of it is the test
 *
 * TestSuite(x, .init = worker_rig_start, .fini = worker_rig_end). Checked is what arrives, and that the cursor
 * accounts for every metric: position - start = arrived + dropped. All assert. */
#pragma once
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "rig/sink_kit.h"
#include "sink/worker.h"
#include "spool/append.h"
#include "spool/cursor.h"

extern struct worker_rig {
    struct kit kit; /* its sink is what the worker is started with */
    struct conf conf;
    struct append *spool;
    uint64_t accepted;        /* metrics put into the spool */
    int control;              /* our end; -1: there is no worker */
    struct scoreboard *board; /* shared with the worker, as garnetd does */
    pid_t pid;
} worker_rig;

void worker_rig_start(void); /* a spool, and no worker yet */
void worker_rig_end(void);

/* --- the spool --- */

/* So many metrics "m.N", N counting on, in one frame; of 1700000000, or without a time: those leave no bytes. */
void accept_metrics(uint64_t n);
void accept_timeless(uint64_t n);
void accept_in_thousands(uint64_t n); /* in frames of 1000 */
struct cursor_state stored_cursor(void);
uint64_t confirmed(void); /* metrics up to its position */
/* The cursor's position, counted from where it was created, and all that it has dropped. */
void expect_cursor(uint64_t position, enum drop_reason reason, uint64_t dropped);

/* --- the worker --- */

/* `options` are of its map in garnet.yaml; NULL: no (second) endpoint. */
void configure_sink(const char *plugin_file, const char *options, const char *to,
                    const char *second_to);
void start_worker(void);
void start_ready_worker(void);
void wake_worker(void); /* there is more in the spool */
void ask_worker_to_finish(void);
void expect_ready(void); /* the next thing that it says */
void expect_useful_work(void);
int wait_worker(void); /* its status */
void expect_exit(int code);
void finish_worker(void); /* asks, and expects 0 */

/* --- a file, and what the plugin graphite writes there --- */

void deliver_to_file(void);
const char *output_uri(void); /* of that file */
const char *output(void);     /* what is in it */
void expect_output(const char *want);
const char *graphite_lines(uint64_t from, uint64_t to); /* of metrics from..to-1 */
