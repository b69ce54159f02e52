/* cli/run_once.h - one run of a collector as garnetd has it, without a garnetd
 *
 * The nursery, the keeper, the launch, the sockets' intake with its limits and replies, and what the log says are
 * garnetd's own. Its socket is in a folder of its own below /tmp, so a garnetd that runs the same collector does not
 * notice. INT, TERM and HUP end the run as a reload would: TERM, `grace`, KILL, and what it has left behind; the second
 * one kills it at once. What it sends is handed out instead of kept.
 */
#pragma once
#include "collect/run.h"
#include "conf/conf.h"
#include "intake/quota.h"
#include "model/metric.h"

struct run_order {
    const struct conf *conf;
    struct conf_collector *collector; /* its `socket` is set */
    int64_t most;                     /* ns after which it is ended like by a signal; 0: never */
    void *arg;
    /* Some of what was accepted, as model/record.h has it. False: nobody can take it, and the run is ended. */
    bool (*metrics)(void *arg, struct str records);
    void (*turn)(void *arg); /* the log may have lines; or NULL */
};

enum run_stop {
    RUN_STOP_NONE,
    RUN_STOP_SIGNAL,
    RUN_STOP_KILL /* a second one */,
    RUN_STOP_TIME,
    RUN_STOP_OUTPUT
};

struct run_result {
    struct run_receipt receipt;
    uint64_t accepted, rejected;
    enum run_stop stop; /* why it was ended before it had ended by itself */
};

/* False, and a sentence: it could not be begun. The process may have one in its life. */
bool run_once(const struct run_order *o, struct run_result *r, struct why *why);
