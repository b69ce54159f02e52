/* cli/reload.c - asks, waits for the receipt, prints it; the exit status is that of garnetd -t */
#include "cli/reload.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/exit.h"
#include "base/terminal.h"
#include "cli/ask.h"
#include "cli/options.h"
#include "cli/show_status.h"

const char RELOAD_HELP[] =
    "usage: garnet reload [--json] [-c FILE | --socket PATH]\n"
    "\n"
    "garnetd rereads its configuration, as at a SIGHUP. Waits until that is done, and prints what "
    "is\n"
    "refused and why, and what starts, stops and restarts by it. For root and garnetd's user.\n"
    "  --json            the receipt as garnetd gives it (docs/control.md)\n"
    "  -c FILE           the configuration of the garnetd that is asked\n"
    "  --socket PATH     its control socket; default: the installed configuration's, else\n"
    "                    /run/garnet/control.sock\n"
    "Exit status: 0 all of it is in use; 1 refused: the old one stays; 3 partly: but for what is\n"
    "printed; 2 wrong usage; 111 nobody answers, or you may not ask.\n";

static void print_refused(const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *errors = status_text(one, "errors");
        bool old = json_is_true(json_object_get(one, "old_runs"));

        say_text(stderr, str_of(errors));
        say(stderr, "%s is not used%s%s", status_text(one, "file"),
            old ? ": as it was before, it runs on" : "",
            json_is_true(json_object_get(one, "may_pass"))
                ? ": it is looked at again every 30s, and starts by itself"
                : "");
    }
}

static void print_changes(const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        const char *sink = status_text(one, "sink"), *collector = status_text(one, "collector");

        say(stdout, "%-9s %s %s", status_text(one, "change"), *sink != '\0' ? "sink" : "collector",
            *sink != '\0' ? sink : collector);
    }
}

static int exit_of(const json_t *r)
{
    const char *result = status_text(r, "result");

    return strcmp(result, "applied") == 0  ? 0
           : strcmp(result, "partly") == 0 ? EXIT_REFUSED
                                           : EXIT_CONFIG;
}

static void print_receipt(const json_t *r)
{
    const char *result = status_text(r, "result");

    say_text(stderr, str_of(status_text(r, "errors")));
    print_refused(json_object_get(r, "refused"));
    print_changes(json_object_get(r, "changes"));
    if (strcmp(result, "applied") == 0)
        (void)puts(json_array_size(json_object_get(r, "changes")) == 0
                       ? "the configuration is in use; nothing has changed"
                       : "the configuration is in use");
    else
        (void)puts(strcmp(result, "partly") == 0
                       ? "the configuration is in use, but for what is refused"
                       : "the configuration is refused: the old one stays");
}

static int print_receipt_json(const json_t *r)
{
    if (json_dumpf(r, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF) {
        say(stderr, "garnet reload: the receipt cannot be printed");
        return EXIT_WORLD;
    }
    return exit_of(r);
}

int reload_main(int argc, char *const argv[])
{
    const char *socket = NULL, *config = NULL;
    const struct cli_option options[] = {{"-c", &config}, {"--socket", &socket}};
    bool json = false;
    struct arena a = {0};
    struct ask_where w;
    json_t *receipt = NULL;
    struct why why;
    enum option_next next;
    int i = 0;
    int status = EXIT_USAGE;

    while ((next = option_next(options, sizeof options / sizeof *options, argc, argv, &i)) !=
           OPTION_END) {
        if (strcmp(argv[i], "--json") != 0) {
            say(stderr, "garnet reload: %s: %s", argv[i],
                next == OPTION_BARE ? "needs a value" : "is not known here");
            return EXIT_USAGE;
        }
        json = true;
    }
    if (ask_where(&w, &a, socket, config)) {
        status = EXIT_WORLD;
        if (ask(w.socket, "reload", ASK_WAITS_RELOAD, &receipt, &why) != ASK_ANSWERED) {
            say(stderr, "garnet reload: %s", why.text);
        } else if (json) {
            status = print_receipt_json(receipt);
        } else {
            print_receipt(receipt);
            status = exit_of(receipt);
        }
    }
    json_decref(receipt);
    arena_free(&a);
    return status;
}
