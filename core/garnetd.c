/* garnetd - the core: schedules collectors, reads the socket, writes the spool, supervises sink
 * workers.
 *
 * This file is the command line; daemon/daemon.c is the daemon. Exit status: 0 ended as asked
 * (or -t: no errors), 1 configuration errors, 2 wrong usage, 111 the system said no (the socket
 * or the spool is in use, ...).
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
#include "base/terminal.h"
#include "daemon/check.h"
#include "daemon/daemon.h"

static const char usage[] =
    "usage: garnetd [-t] [-c FILE]\n"
    "  -c FILE   the configuration (default " GARNET_CONFIG ")\n"
    "  -t        check it, each sink's plugin options included, print every error and exit\n"
    "  -h, --help     print this\n"
    "  -V, --version  print the version\n"
    "SIGHUP rereads the configuration, SIGTERM and SIGINT end.\n";

/* Beside this program where it is there (the build tree, a private prefix), else where it is installed. */
static const char *sink_program(void)
{
    static char path[PATH_MAX + 16];
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    self[n > 0 ? n : 0] = '\0';
    if ((slash = strrchr(self, '/')) != NULL) {
        (void)snprintf(path, sizeof path, "%.*s/garnet-sink", (int)(slash - self), self);
        if (access(path, X_OK) == 0)
            return path;
    }
    return GARNET_LIBEXEC_DIR "/garnet-sink";
}

/* 0 and a word on stdout, or every error on stderr and 1; warnings, marked, there in either case. */
static int print_check(const char *path)
{
    struct buf snapshot = {0};
    struct errors e = {0};
    bool good = check_configuration(path, false, sink_program(), &snapshot, &e);
    char *rest;

    buf_putc(&e.warnings, '\0');
    rest = buf_ok(&e.warnings) ? e.warnings.p : NULL;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0;)
        fprintf(stderr, "warning: %s\n", line);
    if (good)
        say(stdout, "%s: no errors", path);
    else
        fwrite(e.text.p, 1, e.text.n, stderr);
    errors_free(&e);
    buf_free(&snapshot);
    return good ? EXIT_SUCCESS : EXIT_CONFIG;
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
        return daemon_run(path, sink_program());
    signals_release(); /* it has no handlers */
    return print_check(path);
}
