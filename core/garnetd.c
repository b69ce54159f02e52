/* garnetd - the core: schedules collectors, reads the socket, writes the spool, supervises sink
 * workers.
 *
 * This file is the command line; daemon/daemon.c is the daemon. Exit status: 0 ended as asked
 * (or -t: no errors), 1 configuration errors, 2 wrong usage, 3 of -t: what errors cost is
 * single collectors and sinks, 111 the system said no (the socket or the spool is in use, ...).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/process.h"
#include "base/program.h"
#include "base/terminal.h"
#include "daemon/check_print.h"
#include "daemon/daemon.h"

static const char usage[] =
    "usage: garnetd [-t] [-c FILE]\n"
    "  -c FILE   the configuration (default " GARNET_CONFIG ")\n"
    "  -t        check it, each sink's plugin options included, print every error and exit:\n"
    "            0 no errors, 3 errors that cost single collectors or sinks, 1 others\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "SIGHUP rereads the configuration, SIGTERM and SIGINT end.\n";

/* What -t exits with. */
static int only_check_it(const char *path, const char *sink_program)
{
    struct buf snapshot = {0};
    int status = check_print(path, sink_program, &snapshot);

    buf_free(&snapshot);
    return status;
}

/* The installed file, where there is one. Else there is nothing that was asked for. */
static const char *default_path(void)
{
    if (access(GARNET_CONFIG, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return GARNET_CONFIG;
    fprintf(stderr,
            "garnetd: there is no " GARNET_CONFIG ": name the configuration with -c FILE\n%s",
            usage);
    return NULL;
}

int main(int argc, char **argv)
{
    static char sink[PROGRAM_PATH], converter[PROGRAM_PATH];
    const struct daemon_programs programs = {
        .sink = program_beside(sink, "garnet-sink", GARNET_LIBEXEC_DIR "/garnet-sink"),
        .converter =
            program_beside(converter, "garnet-convert", GARNET_LIBEXEC_DIR "/garnet-convert")};
    const char *path = NULL;
    bool only_check = false;
    int asked;

    signals_hold();
    if (fd_fill_stdio() < 0) {
        perror("garnetd: /dev/null"); /* if there is a stderr */
        return EXIT_WORLD;
    }
    log_open("garnetd");
    spawn_raise_files();
    if ((asked = help_asked(argc, argv, "garnetd", usage)) >= 0)
        return asked;
    for (int o; (o = getopt(argc, argv, "c:t")) != -1;) {
        switch (o) {
        case 'c':
            path = optarg;
            break;
        case 't':
            only_check = true;
            break;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        say(stderr, "garnetd: unexpected argument \"%s\"", argv[optind]);
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    if (path == NULL && (path = default_path()) == NULL)
        return EXIT_USAGE;
    if (!only_check)
        return daemon_run(path, &programs);
    signals_release(); /* it has no handlers */
    return only_check_it(path, programs.sink);
}
