/* cli/tail.c - the command line of `garnet tail`, and the configuration where it needs one
 *
 * Of that only the main file is read where no sink is to be shown. What is wrong with either is printed.
 */
#include "cli/tail.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "cli/tail_run.h"
#include "conf/load.h"

const char TAIL_HELP[] =
    "usage: garnet tail [GLOB] [--collector C] [--sink S] [--json] [--from-start]\n"
    "                   [-c FILE | --spool DIR]\n"
    "\n"
    "Shows metrics as they come, one a line: time, name, tags, value, unit, type unless it is a\n"
    "gauge, collector. Reads them from the spool, so garnetd and its sinks do not notice. Needs\n"
    "root, or the user that garnetd runs as.\n"
    "  GLOB           only names that match, such as 'cpu.*'\n"
    "  --collector C  only of this collector\n"
    "  --sink S       the bytes that this sink would send of them; its secrets are ***\n"
    "  --json         an object a line, with its sequence number\n"
    "  --from-start   from the oldest metric in the spool on; without it from now on\n"
    "  -c FILE        garnetd's configuration: its spool and its sinks\n"
    "                 (default " GARNET_CONFIG ")\n"
    "  --spool DIR    the spool\n"
    "What is not shown is said: left out N (expired: retention took it; damaged; too slow: "
    "whoever\n"
    "reads the output falls behind). Ends with Ctrl-C.\n"
    "Exit status: 0 its reader has closed the output, 1 the configuration or the sink's plugin is\n"
    "wrong, 2 wrong usage, 111 the spool cannot be read.\n";

/* --- the command line --- */

static bool take_glob(struct tail_asked *t, const char *arg, struct why *why)
{
    const char *fault = glob_fault(arg);

    if (arg[0] == '-' && arg[1] != 0)
        return why_set(why, "unknown option %.60s", arg);
    if (t->glob != NULL)
        return why_set(
            why,
            "%.60s: there can be one GLOB, and `%.60s` is there (a shell makes many of a "
            "pattern that is not in quotes)",
            arg, t->glob);
    if (fault != NULL)
        return why_set(why, "\"%.60s\" %s", arg, fault);
    t->glob = arg;
    return true;
}

bool tail_parse(struct tail_asked *t, int argc, char *const argv[], struct why *why)
{
    const struct cli_option texts[] = {{"--collector", &t->collector},
                                       {"--sink", &t->sink},
                                       {"-c", &t->config},
                                       {"--spool", &t->spool}};
    enum option_next next;
    int i = 0;

    *t = (struct tail_asked){0};
    while ((next = option_next(texts, sizeof texts / sizeof *texts, argc, argv, &i)) !=
           OPTION_END) {
        if (next == OPTION_BARE)
            return why_set(why, "%s needs a value", argv[i]);
        if (strcmp(argv[i], "--json") == 0)
            t->json = true;
        else if (strcmp(argv[i], "--from-start") == 0)
            t->oldest = true;
        else if (!take_glob(t, argv[i], why))
            return false;
    }
    if (t->json && t->sink != NULL)
        return why_set(why,
                       "--sink shows the sink's own bytes, which are not --json: give one of them");
    return true;
}

/* --- the configuration --- */

static int with_sink(const struct tail_asked *t, const char *config)
{
    struct snapshot snapshot = {0};
    struct errors e = {0};
    struct asking asking = {.table = -1};
    const struct conf_sink *sink;
    struct conf *conf;
    int status = EXIT_CONFIG;

    log_set_level(LOG_L_ERROR); /* what a plugin leaves out is for `garnet plugin preview` */
    conf = conf_load(&snapshot, config, NULL, &asking, &e);
    sink = conf != NULL ? conf_sink_named(conf, t->sink) : NULL;
    if (conf == NULL || errors_fatal(&e) || (sink != NULL && sink->refused)) {
        say_text(stderr, (struct str){e.text.p, e.text.n});
        if (geteuid() != 0)
            (void)fputs(
                "garnet tail: where a right is missing run this as root, with sudo for example\n",
                stderr);
    } else if (sink == NULL) {
        say(stderr, "garnet tail: %s has no sink \"%s\"", config, t->sink);
        status = EXIT_USAGE;
    } else {
        status = tail_run(t, t->spool != NULL ? t->spool : conf->spool.dir, conf);
    }
    conf_free(conf);
    snapshot_free(&snapshot);
    errors_free(&e);
    return status;
}

static int without_sink(const struct tail_asked *t, const char *config)
{
    struct arena a = {0};
    struct errors e = {0};
    struct conf_places places = {.spool = t->spool};
    int status = EXIT_CONFIG;

    if (t->spool != NULL || conf_places_of(&a, config, &places, &e))
        status = tail_run(t, places.spool, NULL);
    else
        say_text(stderr, e.n > 0 ? (struct str){e.text.p, e.text.n}
                                 : str_of("garnet tail: out of memory\n"));
    errors_free(&e);
    arena_free(&a);
    return status;
}

int tail_main(int argc, char *const argv[])
{
    struct tail_asked t;
    const char *config;
    struct why why;

    if (!tail_parse(&t, argc, argv, &why)) {
        say(stderr, "garnet tail: %s (see `garnet tail --help`)", why.text);
        return EXIT_USAGE;
    }
    config = t.config != NULL ? t.config : GARNET_CONFIG;
    return t.sink != NULL ? with_sink(&t, config) : without_sink(&t, config);
}
