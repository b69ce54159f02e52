/* cli/run.c - `garnet run`: its command line, and what it prints while the run is under way
 *
 * Metrics go to standard output as they come; the log lines that garnetd would write go to standard error, with --json as
 * objects among the metrics. The collector's environment is what a service manager gives garnetd, and not the caller's:
 * what works by somebody's own PATH alone would not work there.
 *
 * A reader of standard output that does not read makes this wait, as it does any command; the keeper still ends the run
 * at its timeout. One that closes it ends the run.
 */
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "base/process.h"
#include "base/terminal.h"
#include "cli/run_choose.h"
#include "cli/run_once.h"
#include "cli/run_report.h"
#include "cli/run_sinks.h"
#include "cli/show_metric.h"
#include "model/record.h"

enum {
    KEPT_MOST = 64 << 20, /* bytes of records, for --sinks */
    LOG_ROOM = 1 << 20,   /* of a turn's lines, for --json */
};

const char RUN_HELP[] =
    "usage: garnet run NAME|FILE [-c CONFIG] [--sinks | --json] [--for TIME]\n"
    "\n"
    "One run of a collector now, as garnetd would do it: its user, environment,\n"
    "limits, timeout, and a socket like its own. Prints its metrics, what is wrong\n"
    "with them (line, byte, what to do), what the collector printed, and how it\n"
    "ended. Nothing is kept or sent anywhere. It needs no garnetd, and disturbs none\n"
    "that runs the same collector: the socket is in a folder of its own.\n"
    "  NAME        a collector of CONFIG\n"
    "  FILE        a collector's file, whether CONFIG has it yet or not: with a\n"
    "              slash, or ending in .yaml\n"
    "  -c CONFIG   garnetd's configuration; default:\n"
    "              " GARNET_CONFIG "\n"
    "  --sinks     also the bytes that each sink would send for these metrics; the\n"
    "              text of a secret option is ***\n"
    "  --json      a line for each metric and each line of the log, and at last the\n"
    "              run\n"
    "  --for TIME  end it after so long, such as 10s. One in daemon mode runs until\n"
    "              then, or Ctrl-C\n"
    "Ctrl-C ends a run as a reload would; a second one kills it at once.\n"
    "\n"
    "Not as from garnetd: a metric without a time gets the second in which the run\n"
    "began, and not its due time. What the unit isolates (ProtectHome and others) and\n"
    "a control group that is not delegated to this shell are missing. For a collector\n"
    "without a user of its own root becomes the owner of the spool, garnetd's user.\n"
    "Exit status: 0 it succeeded; 1 it failed, something was rejected, or its file is\n"
    "wrong; 2 wrong usage; 111 the system said no.\n";

struct running {
    const char *what, *config;
    int64_t most;
    bool sinks, json;
    struct run_choice choice;
    int log;           /* the read end of our own log, for --json; else -1 */
    struct buf part;   /* of it: a line that is not whole */
    struct buf kept;   /* records, for --sinks; */
    uint64_t left_out; /* bytes that were too many for that */
};

/* --- while it runs --- */

static void print_lines(const struct buf *b)
{
    if (buf_ok(b))
        (void)fwrite(b->p, 1, b->n, stdout);
    else
        (void)fputs("garnet run: out of memory\n", stderr);
}

static void keep_for_sinks(struct running *r, struct str records)
{
    if (r->kept.n + records.n <= KEPT_MOST && r->left_out == 0)
        buf_put(&r->kept, records.s, records.n);
    else
        r->left_out += records.n;
}

static bool on_metrics(void *arg, struct str records)
{
    static struct metric m; /* too large for a stack */
    struct running *r = arg;
    struct buf lines = {0};

    if (r->sinks)
        keep_for_sinks(r, records);
    for (size_t n; records.n > 0; records.s += n, records.n -= n) {
        if ((n = record_get(records.s, records.n, &m)) == 0)
            panic("a record of our own cannot be read");
        if (r->json) {
            buf_puts(&lines, "{\"metric\":");
            show_metric_put_json(&lines, &m);
            lines.n -= lines.n > 0; /* not its end: the line goes on */
            buf_puts(&lines, "}\n");
        } else {
            show_metric_put(&lines, &m);
        }
    }
    print_lines(&lines);
    buf_free(&lines);
    return fflush(stdout) == 0;
}

static void relay_log(void *arg)
{
    struct running *r = arg;
    struct buf lines = {0};
    struct str rest, line;
    ssize_t n;

    while (buf_room(&r->part, LOG_LINE) != NULL &&
           (n = read(r->log, r->part.p + r->part.n, LOG_LINE)) > 0)
        r->part.n += (size_t)n;
    rest = (struct str){r->part.p, r->part.n};
    while (memchr(rest.s != NULL ? rest.s : "", '\n', rest.n) != NULL && str_line(&rest, &line))
        run_report_put_log_json(&lines, line);
    buf_drop(&r->part, r->part.n - rest.n);
    if (lines.n > 0)
        print_lines(&lines);
    buf_free(&lines);
    (void)fflush(stdout);
}

static void say_begin(const struct running *r)
{
    const struct conf_collector *k = r->choice.collector;
    int64_t most = r->most > 0 && r->most < k->timeout ? r->most : k->timeout;
    struct buf line = {0};

    buf_putf(&line, "running %s as user %s, ", k->command.v[0], r->choice.user);
    if (most == INT64_MAX) {
        buf_puts(&line, "a daemon, until Ctrl-C");
    } else {
        units_put_duration(&line, most);
        buf_puts(&line, " at most");
    }
    buf_putc(&line, '\0');
    if (buf_ok(&line))
        say(stderr, "%s", line.p);
    buf_free(&line);
}

static int show_kept(const struct running *r)
{
    int status;

    if (!buf_ok(&r->kept)) {
        say(stderr, "garnet run: there is no memory for --sinks");
        return EXIT_WORLD;
    }
    status = run_sinks_show(r->choice.conf, (struct str){r->kept.p, r->kept.n});
    if (r->left_out > 0)
        say(stderr,
            "garnet run: --sinks shows the first %zu bytes of metrics: %" PRIu64
            " more are left out",
            r->kept.n, r->left_out);
    return status;
}

/* --- the command --- */

/* False with errno. */
static bool divert_log(struct running *r)
{
    int fds[2] = {-1, STDERR_FILENO};

    if (r->json && fd_pipe(fds, O_NONBLOCK, O_NONBLOCK) < 0)
        return false;
    if (r->json)
        (void)fcntl(fds[1], F_SETPIPE_SZ, LOG_ROOM);
    r->log = fds[0];
    log_to_relay(fds[1]);
    log_set_level(r->choice.conf->log_level > LOG_L_INFO ? LOG_L_DEBUG : LOG_L_INFO);
    return true;
}

static int report_run(struct running *r, const struct run_result *result)
{
    const struct conf_collector *k = r->choice.collector;
    struct buf b = {0};
    int status = run_succeeded(result, k) ? 0 : EXIT_CONFIG, shown = 0;

    if (r->json)
        relay_log(r);
    if (r->sinks)
        shown = show_kept(r);
    if (r->json)
        run_report_put_json(&b, result, k, r->choice.user);
    else
        run_report_put(&b, result, k, r->choice.user);
    if (r->json || !buf_ok(&b))
        print_lines(&b);
    else
        say_text(stdout, (struct str){b.p, b.n});
    buf_free(&b);
    return status != 0 ? status : shown;
}

static int do_run(struct running *r)
{
    const struct run_order order = {.conf = r->choice.conf,
                                    .collector = r->choice.collector,
                                    .most = r->most,
                                    .arg = r,
                                    .metrics = on_metrics,
                                    .turn = r->json ? relay_log : NULL};
    struct run_result result;
    struct why why;

    if (!divert_log(r)) {
        say(stderr, "garnet run: cannot begin: %s", strerror(errno));
        return EXIT_WORLD;
    }
    if (!r->json)
        say_begin(r);
    if (run_once(&order, &result, &why)) {
        if (r->sinks)
            signals_release(); /* the loop held them: Ctrl-C ends what follows like any command */
        return report_run(r, &result);
    }
    say(stderr, "garnet run: %s", why.text);
    return EXIT_WORLD;
}

static bool take_for(struct running *r, const char *text, struct why *why)
{
    if (!units_duration(text, &r->most, why))
        return why_set(why, "--for \"%.60s\" %s", text, why->text);
    return r->most > 0 || why_set(why, "--for \"%.60s\" is no time at all", text);
}

static bool parse_arguments(struct running *r, int argc, char *const argv[], struct why *why)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        bool config = strcmp(a, "-c") == 0, time = strcmp(a, "--for") == 0;

        if ((config || time) && ++i == argc)
            return why_set(why, "%s needs a value", a);
        if (config)
            r->config = argv[i];
        else if (strcmp(a, "--sinks") == 0)
            r->sinks = true;
        else if (strcmp(a, "--json") == 0)
            r->json = true;
        else if (time || strncmp(a, "--for=", strlen("--for=")) == 0) {
            if (!take_for(r, time ? argv[i] : a + strlen("--for="), why))
                return false;
        } else if (a[0] == '-')
            return why_set(why, "unknown option %.60s", a);
        else if (r->what != NULL)
            return why_set(why, "%.60s: one collector at a time", a);
        else
            r->what = a;
    }
    if (r->what == NULL)
        return why_set(why, "which collector?");
    return !r->sinks || !r->json ||
           why_set(why, "--sinks prints bytes, and --json JSON: choose one of them");
}

int run_main(int argc, char *const argv[])
{
    static const char *const not_a_services[] = {"PATH", "LC_ALL", "TMPDIR"};
    struct running r = {.log = -1};
    struct why why;
    int status;

    if (!parse_arguments(&r, argc, argv, &why)) {
        say(stderr, "garnet run: %s", why.text);
        (void)fputs("(see `garnet run --help`)\n", stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof not_a_services / sizeof *not_a_services; i++)
        (void)unsetenv(not_a_services[i]);
    status = run_choose(&r.choice, r.what, r.config);
    if (status == 0)
        status = do_run(&r);
    run_choice_free(&r.choice);
    buf_free(&r.part);
    buf_free(&r.kept);
    return status;
}
