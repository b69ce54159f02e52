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
#include "base/terminal.h"
#include "daemon/check.h"
#include "daemon/daemon.h"

static const char usage[] =
    "usage: garnetd [-t] [-c FILE]\n"
    "  -c FILE   the configuration (default " GARNET_CONFIG ")\n"
    "  -t        check it, each sink's plugin options included, print every error and exit:\n"
    "            0 no errors, 3 errors that cost single collectors or sinks, 1 others\n"
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

/* What -t exits with. Every error is on stderr, and warnings, marked. */
static int print_check(const char *path)
{
    struct buf snapshot = {0};
    struct errors e = {0};
    struct asking asking = {.table = -1};
    bool good = check_configuration(path, NULL, &asking, sink_program(), &snapshot, &e);
    char *rest;
    int status;

    buf_putc(&e.warnings, '\0');
    rest = buf_ok(&e.warnings) ? e.warnings.p : NULL;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != 0;)
        fprintf(stderr, "warning: %s\n", line);
    status = e.n == 0 ? EXIT_SUCCESS : good ? EXIT_REFUSED : EXIT_CONFIG;
    if (e.n > 0)
        fwrite(e.text.p, 1, e.text.n, stderr);
    if (good)
        say(stdout, e.n == 0 ? "%s: no errors" : "%s: no errors but of what is refused", path);
    errors_free(&e);
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
