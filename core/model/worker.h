/* model/worker.h - what is between garnetd and a worker, garnet-sink
 *
 * Beside its standard error, which is for what its plugin prints, a worker finds these descriptors;
 * `garnet-sink check` has no control socket and no scoreboard. Over the control socket, a seqpacket
 * pair, go single bytes. Either end closing tells the other side.
 */
#pragma once

enum worker_fd {
    WORKER_SNAPSHOT = 3, /* the accepted configuration: conf/snapshot.h */
    WORKER_CONTROL,
    WORKER_SCOREBOARD, /* model/scoreboard.h */
    WORKER_LOG,        /* a pipe for its own lines: log_to_relay() */
    WORKER_FDS
};

enum worker_word {
    /* From garnetd. */
    WORKER_WAKE = 'w',   /* there is more in the spool */
    WORKER_FINISH = 'q', /* deliver what is there, then exit 0 (no time limit of its own) */
    /* To garnetd. */
    WORKER_READY = 'r',  /* plugin loaded and open, options checked, cursor locked */
    WORKER_USEFUL = 'u', /* useful work was done (at most one a second): pauses begin anew */
    WORKER_ENDS = 'e' /* all is done: an exit without that is its plugin's, whatever the status */
};
