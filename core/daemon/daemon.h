/* daemon/daemon.h - garnetd from start to end
 *
 * The end goes with the data: no new runs and the old ones ended, then what they sent is taken in,
 * then the workers deliver, for `shutdown_timeout` at most, then the socket goes. Dying at any point
 * of it loses nothing that was accepted.
 */
#pragma once

struct daemon_programs {          /* where they are; borrowed */
    const char *sink, *converter; /* garnet-sink, garnet-convert */
};

/* The exit status: EXIT_CONFIG for a configuration with errors, EXIT_WORLD for a socket or a spool
 * that is in use or cannot be made, and for an end without waiting. */
int daemon_run(const char *conf_path, const struct daemon_programs *programs);
