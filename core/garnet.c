/* garnet - the command line for people
 *
 * A table of subcommands and nothing else: each lives in core/cli/, gets its own argv and
 * returns the exit status. Fails with EXIT_USAGE when there is no such subcommand, and as the
 * subcommand does.
 */
#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/terminal.h"
#include "cli/check.h"
#include "cli/convert.h"
#include "cli/emit.h"
#include "cli/explain.h"
#include "cli/plugin.h"
#include "cli/reload.h"
#include "cli/run.h"
#include "cli/scrape.h"
#include "cli/spool.h"
#include "cli/status.h"
#include "cli/tail.h"
#include "cli/top.h"

static int version_main(int argc, char *const argv[]);
static int help_main(int argc, char *const argv[]);

static const struct command {
    const char *name, *about;
    const char *help;
    int (*run)(int argc, char *const argv[]);
} COMMANDS[] = {
    {"status", "whether all is well, and if not, why", STATUS_HELP, status_main},
    {"check", "check a configuration, and what a reload to it would do", CHECK_HELP, check_main},
    {"top", "the same live, with rates, at a terminal", TOP_HELP, top_main},
    {"reload", "reread the configuration, and say what came of it", RELOAD_HELP, reload_main},
    {"emit", "send a metric, or JSON from standard input, to a running garnetd", EMIT_HELP,
     emit_main},
    {"run", "run a collector once, now, and show its metrics and what is wrong", RUN_HELP,
     run_main},
    {"scrape", "print what an exporter says, by http, https or a Unix socket", SCRAPE_HELP,
     scrape_main},
    {"convert", "show the metrics in what a script prints, in any of several formats", CONVERT_HELP,
     convert_main},
    {"tail", "show metrics as they come, or as a sink would send them", TAIL_HELP, tail_main},
    {"explain", "what becomes of a metric, or why it is missing", EXPLAIN_HELP, explain_main},
    {"spool", "list and print a spool, and check that every metric is accounted for", SPOOL_HELP,
     spool_main},
    {"plugin", "describe, preview or test plugins", PLUGIN_HELP, plugin_main},
    {"version", "print the version", "usage: garnet version\n", version_main},
    {"help", "print this, or with a command's name what that one does",
     "usage: garnet help [COMMAND]\n", help_main},
};
enum { NCOMMANDS = sizeof COMMANDS / sizeof *COMMANDS };

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

static void print_commands(FILE *to)
{
    (void)fputs("usage: garnet COMMAND [ARGUMENT]...\n", to);
    for (size_t i = 0; i < NCOMMANDS; i++)
        (void)fprintf(to, "  %-8s %s\n", COMMANDS[i].name, COMMANDS[i].about);
}

static int unknown(const char *name)
{
    say(stderr, "garnet: no command \"%s\"", name);
    print_commands(stderr);
    return EXIT_USAGE;
}

static int version_main(int argc, char *const argv[])
{
    (void)argc, (void)argv;
    (void)printf("garnet %s\n", GARNET_VERSION);
    return 0;
}

static int help_main(int argc, char *const argv[])
{
    const struct command *c = argc > 1 ? find_command(argv[1]) : NULL;

    if (argc > 1 && c == NULL)
        return unknown(argv[1]);
    if (c != NULL)
        (void)fputs(c->help, stdout);
    else
        print_commands(stdout);
    return 0;
}

int main(int argc, char *argv[])
{
    const struct command *c;
    int status;

    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        argv[1] = "help";
    else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        argv[1] = "version";
    c = find_command(argv[1]);
    if (c == NULL)
        return unknown(argv[1]);
    status = help_asked(argc - 1, argv + 1, "garnet", c->help);
    if (status >= 0)
        return status;
    status = c->run(argc - 1, argv + 1);
    if (fflush(stdout) != 0 && status == 0) {
        (void)fprintf(stderr, "garnet: cannot write to standard output\n");
        status = EXIT_WORLD;
    }
    return status;
}
