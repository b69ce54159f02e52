/* garnet-sink - the worker of one sink; garnetd starts it
 *
 *   garnet-sink run NAME     deliver to the sink NAME until told to stop
 *   garnet-sink check NAME   say what is wrong with its plugin and options
 *
 * It finds its configuration and the rest on the descriptors of model/worker.h, and closes each as soon
 * as it can, since none is the plugin's. Exits 0, EXIT_CONFIG (the plugin or its options are wrong),
 * EXIT_USAGE, or EXIT_WORLD. Ends with garnetd, however that ends: by the control socket, and by a
 * signal in case a plugin does not let it look.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/privileges.h"
#include "base/process.h"
#include "base/terminal.h"
#include "conf/conf.h"
#include "conf/facts.h"
#include "delivery/transport/stdout.h"
#include "model/worker.h"
#include "sink/start.h"
#include "sink/worker.h"
#include "spool/opener.h"
#include "spool/segment.h"

enum { LOG_FD_LEAST = 64 };

/* The log keeps the pointer. */
static char ident[96];

/* A plugin is somebody else's code: it gets nothing of what garnetd has, and is another user if the
 * sink is to be. One that may not read the spool has somebody who opens it. */
static void become_worker(const struct conf *conf, const struct conf_sink *sink, bool checking)
{
    const struct conf_identity *id = &sink->identity;

    if (!checking && id->uid != (uid_t)-1 &&
        opener_start(conf->spool.dir, sink->name, segment_is_name) < 0)
        fatal("cannot start the opener of the spool %s for user %s: %m", conf->spool.dir, id->user);
    privileges_bound();
    if (privileges_become(id->uid, id->gid, id->groups, id->ngroups) < 0)
        fatal("cannot switch to user %s: %m", id->user != NULL ? id->user : "?");
    if (privileges_drop() < 0 || privileges_no_new() < 0)
        fatal("cannot give up its privileges: %m");
}

/* To where a plugin that closes what is not its own does not come by so easily: the reason of what
 * follows is to be read. */
static void move_log(void)
{
    int fd = fcntl(WORKER_LOG, F_DUPFD_CLOEXEC, LOG_FD_LEAST);

    if (fd < 0)
        fatal("has no pipe for its log on descriptor %d: garnetd starts this program", WORKER_LOG);
    log_to_relay(fd);
    (void)close(WORKER_LOG);
}

/* What a plugin prints is for the log: standard output is data, and the transport's alone. */
static void move_stdout(void)
{
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, LOG_FD_LEAST);

    if (fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fatal("cannot keep its standard output to itself: %m");
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a line that is printed is to be read at once */
    transport_stdout_is(fd);
}

static const char USAGE[] = "usage: garnet-sink run|check NAME\n"
                            "It is started by garnetd, with the configuration on descriptor 3.\n";

/* garnetd has accepted this snapshot, so anything wrong with it now is not the user's fault. */
static struct conf *read_conf(void)
{
    struct snapshot snapshot = {0};
    struct errors errors = {0};
    struct buf bytes = {0};
    struct conf *conf;

    if (fd_read_all(WORKER_SNAPSHOT, 0, &bytes) < 0)
        fatal("cannot read the configuration from descriptor %d: %m", WORKER_SNAPSHOT);
    (void)close(WORKER_SNAPSHOT);
    if (!snapshot_read(&snapshot, (struct str){bytes.p, bytes.n}))
        fatal("descriptor %d holds no whole configuration", WORKER_SNAPSHOT);
    buf_free(&bytes);
    conf = conf_parse(&snapshot, &errors);
    snapshot_free(&snapshot);
    if (conf == NULL)
        fatal("no memory for the configuration");
    if (conf->wanted != NULL)
        fatal("the configuration lacks the fact %s", conf->wanted->key);
    errors_free(&errors);
    return conf;
}

static const struct conf_sink *find_sink(const struct conf *conf, const char *name)
{
    const struct conf_sink *s = conf_sink_named(conf, name);

    if (s == NULL || s->plugin_file == NULL)
        fatal("the configuration has no usable sink \"%s\"", name);
    return s;
}

static int check_options(const struct conf *conf, const struct conf_sink *sink)
{
    struct errors errors = {0};
    struct plugin plugin;
    bool ok = start_check(&plugin, conf, sink, &errors);
    int status = ok ? 0 : errors_only_world(&errors) ? EXIT_WORLD : EXIT_CONFIG;

    plugin_unload(&plugin);
    if (errors.text.n > 0)
        (void)fd_write_all(log_fd(), errors.text.p, errors.text.n);
    errors_free(&errors);
    return status;
}

/* True when garnetd is gone, before we had asked to end with it or after. */
static bool orphaned(void)
{
    char c;

    return recv(WORKER_CONTROL, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* What the plugin allocates without end must not become the host's trouble. The stack and what is
 * only mapped to be read do not count; the stacks of threads do, all of them, so they are small. */
static void limit_memory(int64_t bytes)
{
#ifndef GARNET_SANITIZED /* which maps terabytes */
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_max > (rlim_t)bytes)
        limit.rlim_max = (rlim_t)bytes;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_DATA, &limit) < 0)
        log_warn("cannot set its memory_limit: %m");
#else
    (void)bytes;
#endif
}

/* Past the end of garnetd, who else kills what a plugin has left. We are in that group, too. */
static void end_group(void)
{
    if (orphaned() && getpgrp() == getpid())
        (void)kill(0, SIGKILL);
}

static int run_sink(const struct conf *conf, const struct conf_sink *sink)
{
    struct scoreboard *board;
    int status = 0;

    if (fcntl(WORKER_CONTROL, F_SETFD, FD_CLOEXEC) < 0)
        fatal("has no control socket on descriptor %d: %m", WORKER_CONTROL);
    board = scoreboard_map(WORKER_SCOREBOARD);
    if (board == NULL)
        fatal("has no scoreboard on descriptor %d: %m", WORKER_SCOREBOARD);
    (void)close(WORKER_SCOREBOARD);
    move_stdout();
    process_small_stacks();
    limit_memory(sink->memory_limit);
    if (!orphaned())
        status = worker_run(conf, sink, WORKER_CONTROL, board);
    end_group();
    return status;
}

int main(int argc, char **argv)
{
    const struct conf_sink *sink;
    struct conf *conf;
    bool checking;
    int status, asked;

    signals_hold();
    if ((asked = help_asked(argc > 2 ? 2 : argc, argv, /* a sink may be called "-h" */
                            "garnet-sink", USAGE)) >= 0)
        return asked;
    if (argc != 3 || (strcmp(argv[1], "run") != 0 && strcmp(argv[1], "check") != 0))
        return fputs(USAGE, stderr), EXIT_USAGE;
    checking = strcmp(argv[1], "check") == 0;
    if (checking)
        signals_release(); /* it has no handlers */
    (void)snprintf(ident, sizeof ident, "garnet-sink[%s]", argv[2]);
    log_open(ident);
    move_log();
    if (fcntl(WORKER_SNAPSHOT, F_GETFD) < 0)
        fatal("has no configuration on descriptor %d: garnetd starts this program",
              WORKER_SNAPSHOT);
    conf = read_conf();
    log_set_level((enum log_level)conf->log_level);
    sink = find_sink(conf, argv[2]);
    become_worker(conf, sink, checking);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) /* a change of the user takes it away */
        fatal("cannot ask for a signal at garnetd's end: %m");
    status = checking ? check_options(conf, sink) : run_sink(conf, sink);
    conf_free(conf);
    return status;
}
