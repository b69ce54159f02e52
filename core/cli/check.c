/* cli/check.c - garnetd -t, then the receivers, then the garnetd that runs, if one does */
#include "cli/check.h"

#include <stdio.h>
#include <string.h>

#include "base/exit.h"
#include "base/program.h"
#include "base/terminal.h"
#include "cli/ask.h"
#include "cli/check_plan.h"
#include "cli/check_receivers.h"
#include "cli/options.h"
#include "conf/snapshot.h"
#include "daemon/check_print.h"

const char CHECK_HELP[] =
    "usage: garnet check [--plan] [-c FILE] [--socket PATH]\n"
    "\n"
    "Checks a configuration as garnetd -t does, and warns of what a roll-out would show: "
    "receivers\n"
    "that cannot be reached from here; and if a garnetd answers, intervals shorter than its last "
    "runs\n"
    "took, and a spool that does not hold a day of what comes. Changes nothing.\n"
    "  --plan            also what a reload would start, stop, restart and leave alone\n"
    "  -c FILE           the configuration (default " GARNET_CONFIG ")\n"
    "  --socket PATH     the control socket of the garnetd that runs; default: the "
    "configuration's\n"
    "Exit status: 0 no errors, warnings or not; 1 it cannot be used; 3 single collectors or sinks "
    "are\n"
    "refused; 2 wrong usage; 111 --plan, and no garnetd answers.\n";

struct check_options {
    const char *config, *socket;
    bool plan;
};

/* What can be said of it beside a garnetd that runs. The status, which so far is `status`. */
static int compare_with_running(const struct check_options *o, const struct conf *c, int status)
{
    json_t *running = NULL;
    struct why why;
    enum ask_result r =
        ask(o->socket != NULL ? o->socket : c->control.path, "status", ASK_WAITS, &running, &why);

    if (r == ASK_ANSWERED) {
        check_advice(stderr, c, running);
        if (o->plan && !check_plan(stdout, c, running))
            status = EXIT_CONFIG;
    } else {
        say(stderr, "%s: %s", o->plan ? "garnet check --plan" : "no garnetd is asked", why.text);
        if (o->plan)
            status = EXIT_WORLD;
    }
    json_decref(running);
    return status;
}

static int look_further(const struct check_options *o, struct str bytes, int status)
{
    struct snapshot snap = {0};
    struct conf *c = snapshot_read(&snap, bytes) ? conf_parse_known(&snap) : NULL;

    if (c == NULL) {
        say(stderr, "garnet check: out of memory");
        status = EXIT_WORLD;
    } else {
        (void)check_receivers(stderr, c);
        status = compare_with_running(o, c, status);
    }
    conf_free(c);
    snapshot_free(&snap);
    return status;
}

int check_main(int argc, char *const argv[])
{
    struct check_options o = {.config = GARNET_CONFIG};
    const struct cli_option options[] = {{"-c", &o.config}, {"--socket", &o.socket}};
    struct buf snapshot = {0};
    static char sink[PROGRAM_PATH];
    enum option_next next;
    int i = 0, status;

    while ((next = option_next(options, sizeof options / sizeof *options, argc, argv, &i)) !=
           OPTION_END) {
        if (strcmp(argv[i], "--plan") != 0) {
            say(stderr, "garnet check: %s: %s (see `garnet check --help`)", argv[i],
                next == OPTION_BARE ? "needs a value" : "is not known here");
            return EXIT_USAGE;
        }
        o.plan = true;
    }
    status = check_print(o.config,
                         program_beside(sink, "garnet-sink", GARNET_LIBEXEC_DIR "/garnet-sink"),
                         &snapshot);
    if (status != EXIT_CONFIG)
        status = look_further(&o, (struct str){snapshot.p, snapshot.n}, status);
    buf_free(&snapshot);
    return status;
}
